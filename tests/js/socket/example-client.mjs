// docs/examples/inbox-client.mjs in the hands of a test: the service and the credentials come as one line of JSON on
// stdin, changes as further ones; what the client shows leaves as lines of JSON on stdout.
import { createInterface } from "node:readline";
import { InboxClient } from "../../../docs/examples/inbox-client.mjs";

const HURRY = 10; // its waits from one try to the next take a tenth of the time
const { setTimeout, setInterval } = globalThis;
let pulse = 1; // how many times faster its heart beats
globalThis.setTimeout = (run, ms, ...rest) => setTimeout(run, ms / HURRY, ...rest);
globalThis.setInterval = (run, ms, ...rest) => setInterval(run, ms / pulse, ...rest);

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const lines = createInterface({ input: process.stdin });
let client = null;

lines.on("line", (line) => {
  const { url, credentials, pulse: faster, id, change } = JSON.parse(line);
  if (client) return client.change(id, change).catch((error) => tell({ failed: error.message }));
  pulse = faster;
  client = new InboxClient(url, async () => (tell({ session: true }), credentials), tell);
  client.run().then(() => process.exit(0), (error) => tell({ refused: error.message }));
});
lines.on("close", () => process.exit(0));
