// The library ws in the hands of a test: its plan comes as JSON on stdin, and what happened leaves as JSON on stdout.
import WebSocket from "ws";

let input = "";
for await (const chunk of process.stdin) input += chunk;
const { url, texts, answers } = JSON.parse(input);
const told = { texts: [], pongs: [] };
const socket = new WebSocket(url);

socket.on("open", () => texts.forEach((text) => socket.send(text)));
socket.on("message", (data) => {
  told.texts.push(data.toString());
  if (told.texts.length === answers) socket.ping("from ws");
});
socket.on("pong", (data) => {
  told.pongs.push(data.toString());
  socket.close(4000, "done");
});
socket.on("close", (code, reason) => {
  console.log(JSON.stringify({ ...told, code, reason: reason.toString(), extensions: socket.extensions }));
});
