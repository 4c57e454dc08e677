// A socket.io server with its Redis adapter. Arguments: the port to listen on, the port of Redis.
// POST /trigger?to=a,b sends the body to the rooms a and b, without `to` to every socket. A socket's token is its room.
const { createServer } = require('node:http');
const { Server } = require('socket.io');
const { createAdapter } = require('@socket.io/redis-adapter');
const { createClient } = require('redis');

const [port, redisPort] = process.argv.slice(2).map(Number);

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

async function main() {
  const publisher = createClient({ url: `redis://127.0.0.1:${redisPort}` });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);

  const server = createServer((request, response) => {
    if (request.method !== 'POST') return answer(response, 200, '{"status":"ok"}');
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const to = new URL(request.url, 'http://localhost').searchParams.get('to');
      const audience = to ? io.to(to.split(',')) : io;
      audience.emit('message', Buffer.concat(chunks).toString());
      answer(response, 201, '{"acknowledged":true}');
    });
  });
  const io = new Server(server, {
    transports: ['websocket'],
    perMessageDeflate: false,
    adapter: createAdapter(publisher, subscriber),
  });
  io.use((socket, next) => next(socket.handshake.auth.token ? undefined : new Error('no token')));
  io.on('connection', (socket) => socket.join(socket.handshake.auth.token));
  server.listen({ host: '127.0.0.1', port, backlog: 4096 });
}

main();
