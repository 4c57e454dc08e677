// The real socket.io-client in the hands of a test: where to connect comes as one line of JSON on stdin, what happens to
// it leaves as lines of JSON on stdout; the end of stdin is its own.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const tell = (kind, value = null) => process.stdout.write(`${JSON.stringify([kind, value])}\n`);
const lines = createInterface({ input: process.stdin });

lines.once("line", (line) => {
  const { url, options } = JSON.parse(line);
  const socket = io(url, options);
  socket.onAny((event, payload) => tell("event", [event, payload]));
  socket.on("connect", () => tell("connect", socket.id));
  socket.on("connect_error", (error) => tell("connect_error", { message: error.message }));
  socket.on("disconnect", (reason) => tell("disconnect", reason));
  socket.io.on("ping", () => tell("ping"));
});
lines.on("close", () => process.exit(0));
