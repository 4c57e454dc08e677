/** Checks whose both sides are of one type: what a call answers is held to what the document says of it. */

export function same<Value>(actual: Value, expected: NoInfer<Value>): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (found !== wanted) throw new Error(`${found} instead of ${wanted}`);
}

export function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("nothing is there");
  return value;
}
