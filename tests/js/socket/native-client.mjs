// docs/examples/native-client.mjs in the hands of a test: address and token come as one line of JSON on stdin; what the
// client holds leaves as lines of JSON on stdout.
import { createInterface } from "node:readline";
import { NativeClient } from "../../../docs/examples/native-client.mjs";

const HURRY = 20; // its waits from one try to the next take a twentieth of the time
const { setTimeout } = globalThis;
globalThis.setTimeout = (run, ms, ...rest) => setTimeout(run, ms >= 35_000 ? ms : ms / HURRY, ...rest);

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const lines = createInterface({ input: process.stdin });
let missed = 0;
let refetches = 0;

/** It counts what must not happen. */
class Counting extends NativeClient {
  take(frame) {
    if (frame.event && frame.event.from !== this.position) missed += 1;
    return super.take(frame);
  }

  change(change) {
    if (change.refetch) refetches += 1;
    super.change(change);
  }
}

lines.on("line", (line) => {
  const { url, token } = JSON.parse(line);
  const client = new Counting(url, async () => token, () => {
    const { counts, position, floor } = client;
    tell({ items: client.newestFirst(), counts, position: position ?? null, floor, missed, refetches });
  });
  client.run().catch((error) => tell({ ended: error.message }));
});
lines.on("close", () => process.exit(0));
