/** Calls of the API in the types that openapi-typescript makes of its document, in the manner of openapi-fetch. */

import type { components, paths } from "./api";

type Method = "get" | "post" | "put" | "patch" | "delete";
type Json<Content> = Content extends { content: { "application/json": infer Value } } ? Value : never;

type Sent<Operation> = Operation extends { requestBody: infer Body }
  ? { body: Json<Body> }
  : Operation extends { requestBody?: infer Body }
    ? { body?: Json<NonNullable<Body>> }
    : never;

type Init<Operation> = Operation extends { parameters: infer Parameters extends { path?: unknown; query?: unknown } }
  ? Pick<Parameters, "path" | "query"> & Sent<Operation>
  : never;

type Answer<Operation> = Operation extends { responses: infer Responses }
  ? { [Status in keyof Responses]: Status extends 200 | 201 ? Json<Responses[Status]> : Status extends 204 ? undefined : never }[keyof Responses]
  : never;

export type Schema = components["schemas"];

/** An answer that is no success, as the document describes it. */
export class Refusal extends Error {
  constructor(readonly reply: Schema["ErrorReply"]) {
    super(reply.message);
  }
}

export class Client {
  constructor(
    private readonly url: string,
    private readonly authorization: string,
  ) {}

  /** What the operation answers. Throws Refusal. */
  async call<Path extends keyof paths, Verb extends Method & keyof paths[Path]>(
    verb: Verb,
    path: Path,
    init: Init<paths[Path][Verb]>,
  ): Promise<Answer<paths[Path][Verb]>> {
    const { path: named = {}, query = {}, body } = init as {
      path?: Record<string, string>;
      query?: Record<string, string | number | boolean | string[]>;
      body?: unknown;
    };
    const address = new URL(path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(named[name] ?? "")), this.url);
    for (const [name, value] of Object.entries(query)) {
      for (const one of [value].flat()) address.searchParams.append(name, String(one));
    }
    const headers: Record<string, string> = { Authorization: this.authorization };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const reply = await fetch(address, { method: verb.toUpperCase(), headers, body: sent });
    const text = await reply.text();
    if (!reply.ok) throw new Refusal(JSON.parse(text) as Schema["ErrorReply"]);
    return (text ? JSON.parse(text) : undefined) as Answer<paths[Path][Verb]>;
  }
}
