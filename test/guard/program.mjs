// A program that wants a service which is down, as its users write them: it connects again and again. It knows nothing
// of the guard, except that the clients whose names begin with "halfopen" come from it.
//   node [--import GUARD] program.mjs CLIENT HOST PORT TRIES [at-once]
// Prints one line of JSON: what it saw. A try that ends in anything but ECONNREFUSED is unexpected; it stops there
// unless it is guarded.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { parentPort, Worker, workerData } from 'node:worker_threads';

const [client, host, port, tries, atOnce] = workerData ?? [
  process.argv[2],
  process.argv[3],
  Number(process.argv[4]),
  Number(process.argv[5]),
  Number(process.argv[6] ?? 8),
];
const importAt = process.execArgv.lastIndexOf('--import');
const guarded = importAt >= 0;
const guard = guarded ? await import(process.execArgv[importAt + 1]) : undefined;
const name = host.includes(':') ? `[${host}]` : host;
const bothFamilies = (_host, _options, callback) =>
  callback(null, [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]);

/** Resolves to the error of a socket, or to the name of the event by which it took itself for connected. */
function ending(socket, ...good) {
  return new Promise((resolve) => {
    for (const event of ['connect', 'ready', 'data', 'secureConnect', ...good])
      socket.on(event, () => {
        socket.destroy();
        resolve(event);
      });
    socket.on('error', resolve);
    socket.on('close', () => resolve('close'));
    // What is written before the connection stands must reach nobody.
    if (!(socket instanceof tls.TLSSocket) && socket.write) socket.write('a secret');
  });
}

/** How long nothing may happen, ms: a busy machine must not look like a server that does not answer. */
const patience = 10_000;

function answer(module, options) {
  return new Promise((resolve) => {
    const request = module.get(
      { host, port, timeout: patience, rejectUnauthorized: false, ...options },
      (response) => resolve(`status ${response.statusCode}`),
    );
    request.on('timeout', () => {
      resolve(`no answer for ${patience} ms`);
      request.destroy();
    });
    request.on('error', resolve);
  });
}

const rejection = (promise) =>
  promise.then(
    () => 'an answer',
    (error) => error.cause ?? error,
  );

const keepAlive = new http.Agent({ keepAlive: true, maxSockets: 4 });
const undici = client.includes('undici') ? await import('undici') : undefined;
const ownHttp = guard && new guard.HttpAgent({ keepAlive: true });
const ownHttps = guard && new guard.HttpsAgent({ keepAlive: true });
const dispatcher = undici && guard && new undici.Agent({ connect: guard.undiciConnector() });

const clients = {
  'net.connect': () => ending(net.connect(port, host)),
  'new Socket().connect': () => ending(new net.Socket().connect({ port, host })),
  'happy eyeballs': () =>
    ending(
      net.connect({
        port,
        host: 'both.test',
        autoSelectFamily: true,
        // A busy machine must not look like an address that does not answer (250 ms by default).
        autoSelectFamilyAttemptTimeout: patience,
        lookup: bothFamilies,
      }),
    ),
  tls: () => ending(tls.connect({ port, host, rejectUnauthorized: false })),
  http: () => answer(http, {}),
  https: () => answer(https, {}),
  'http agent': () => answer(http, { agent: keepAlive }),
  http2: () => ending(http2.connect(`http://${name}:${port}`)),
  fetch: () => rejection(fetch(`http://${name}:${port}/`)),
  'fetch https': () => rejection(fetch(`https://${name}:${port}/`)),
  undici: () => rejection(undici.request(`http://${name}:${port}/`)),
  'halfopen connect': () => ending(guard.connect(port, host)),
  'halfopen HttpAgent': () => answer(http, { agent: ownHttp }),
  'halfopen HttpsAgent': () => answer(https, { agent: ownHttps }),
  'halfopen undici': () => rejection(undici.request(`http://${name}:${port}/`, { dispatcher })),
};

const isRefusal = (end) =>
  end instanceof Error &&
  end.code === 'ECONNREFUSED' &&
  (end.errors ?? [end]).every((error) => error.code === 'ECONNREFUSED');

async function loop() {
  const seen = { tries: 0, refused: 0, unexpected: 0, first: undefined, errors: [] };
  const errors = new Set();
  const one = async () => {
    while (seen.tries < tries && (guarded || seen.unexpected === 0)) {
      seen.tries++;
      const end = await clients[client]();
      if (isRefusal(end)) {
        seen.refused++;
        if (errors.size < 5) errors.add(JSON.stringify({ name: end.name, message: end.message, ...end }));
      } else {
        seen.unexpected++;
        seen.first ??= end instanceof Error ? `${end.code}: ${end.message}` : end;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return { ...seen, errors: [...errors].map((text) => JSON.parse(text)) };
}

/** Whether the service can come up now. */
const binds = () =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.on('error', (error) => resolve(error.code));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });

if (workerData) {
  parentPort.postMessage(await loop());
} else {
  const inWorker = process.env.IN_WORKER === '1';
  const seen = inWorker
    ? await new Promise((resolve, reject) => {
        const worker = new Worker(new URL(import.meta.url), {
          workerData: [client, host, port, tries, atOnce],
        });
        worker.on('message', resolve).on('error', reject);
      })
    : await loop();
  const stopped = guard?.selfConnects() ?? 0;
  const mode = guard?.guardMode();
  process.stdout.write(`${JSON.stringify({ ...seen, stopped, mode, bound: await binds() })}\n`);
  process.exit();
}
