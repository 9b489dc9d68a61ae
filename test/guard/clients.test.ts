import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import net from 'node:net';
import type tls from 'node:tls';
import { Agent, request } from 'undici';
import { expect, test } from 'vitest';
import { HttpAgent, HttpsAgent, undiciConnector } from '../../src/guard/index.ts';
import { testNeeding } from '../support/needs.ts';
import { guard, inNamespace } from './namespace.ts';

// A key that both sides know in advance: TLS without a certificate.
const psk = Buffer.alloc(32, 7);
const client = {
  ciphers: 'PSK',
  maxVersion: 'TLSv1.2' as const,
  checkServerIdentity: (): undefined => undefined,
  pskCallback: (): tls.PSKCallbackNegotation => ({ psk, identity: 'test' }),
};
const server = {
  ciphers: 'PSK',
  maxVersion: 'TLSv1.2' as const,
  pskCallback: (): Buffer => psk,
};
const greet: http.RequestListener = (_request, response) => response.end('hello');

async function listening<T extends Server>(listener: T): Promise<[T, number]> {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return [listener, (listener.address() as AddressInfo).port];
}

function get(module: typeof http | typeof https, options: https.RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    module
      .get({ host: '127.0.0.1', ...options }, async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve(text);
      })
      .on('error', reject);
  });
}

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const [dead, port] = await listening(net.createServer());
  dead.close();
  return port;
}

test('the http agent serves requests, keeps connections alive, and passes on a refusal', async () => {
  const [up, port] = await listening(http.createServer(greet));
  let connections = 0;
  up.on('connection', () => connections++);
  const agent = new HttpAgent({ keepAlive: true });
  for (let i = 0; i < 3; i++) expect(await get(http, { port, agent })).toBe('hello');
  expect(connections).toBe(1);
  agent.destroy();
  up.close();
  await expect(get(http, { port: await deadPort(), agent })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('the https agent serves requests, keeps connections alive, and passes on a refusal', async () => {
  const [up, port] = await listening(https.createServer(server, greet));
  let connections = 0;
  up.on('connection', () => connections++);
  const agent = new HttpsAgent({ keepAlive: true, ...client });
  for (let i = 0; i < 3; i++) expect(await get(https, { port, agent })).toBe('hello');
  expect(connections).toBe(1);
  agent.destroy();
  up.close();
  await expect(get(https, { port: await deadPort(), agent })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

testNeeding('test/guard/clients.test.ts', 'netns')(
  'the https agent keeps to the time-out of a request while it connects',
  () => {
    const text = `
      import https from 'node:https';
      import { HttpsAgent } from '${guard}';
      https.get({ host: '192.0.2.1', port: 443, timeout: 200, agent: new HttpsAgent() })
        .on('error', (error) => console.log(error.message));`;
    // What comes back over the loopback for an address that is not this host's is dropped.
    const silent = 'ip route add 192.0.2.1 dev lo && exec "$@"';
    const node = [process.execPath, '--input-type=module', '-e', text];
    const { stdout, stderr } = inNamespace(['sh', '-c', silent, 'sh', ...node]);
    expect(stdout, stderr).toBe('connecting to 192.0.2.1:443 took longer than 200 ms\n');
  },
);

test('the undici connector serves http and https, and passes on a refusal', async () => {
  const [plain, port] = await listening(http.createServer(greet));
  const [secure, securePort] = await listening(https.createServer(server, greet));
  const dispatcher = new Agent({ connect: undiciConnector(client) });
  for (const url of [`http://127.0.0.1:${port}/`, `https://127.0.0.1:${securePort}/`]) {
    const { statusCode, body } = await request(url, { dispatcher });
    expect([statusCode, await body.text()]).toEqual([200, 'hello']);
  }
  await expect(request(`http://127.0.0.1:${await deadPort()}/`, { dispatcher })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
  await dispatcher.destroy();
  plain.close();
  secure.close();
});

test('the undici connector gives up on a TLS handshake that takes too long, and on a server that hangs up', async () => {
  const [silent, port] = await listening(net.createServer((socket) => socket.on('error', () => {})));
  const dispatcher = new Agent({ connect: undiciConnector({ timeout: 100 }) });
  await expect(request(`https://127.0.0.1:${port}/`, { dispatcher })).rejects.toMatchObject({
    code: 'UND_ERR_CONNECT_TIMEOUT',
    message: `connecting to 127.0.0.1:${port} took longer than 100 ms`,
  });
  await dispatcher.destroy();
  silent.close();
  const [rude, rudePort] = await listening(net.createServer((socket) => socket.end()));
  const other = new Agent({ connect: undiciConnector() });
  await expect(request(`https://127.0.0.1:${rudePort}/`, { dispatcher: other })).rejects.toMatchObject({
    code: 'ECONNRESET',
  });
  await other.destroy();
  rude.close();
});

test('the undici connector resumes TLS sessions', async () => {
  const [secure, port] = await listening(https.createServer(server, greet));
  const reused: boolean[] = [];
  secure.on('secureConnection', (socket: tls.TLSSocket) => reused.push(socket.isSessionReused()));
  const connectSecurely = undiciConnector(client);
  for (let i = 0; i < 2; i++) {
    const socket = await new Promise<net.Socket>((resolve, reject) => {
      const target = { hostname: '127.0.0.1', protocol: 'https:', port: `${port}`, servername: 'a.test' };
      connectSecurely(target, (error, stream) => (error ? reject(error) : resolve(stream as net.Socket)));
    });
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    for await (const _chunk of socket);
  }
  expect(reused).toEqual([false, true]);
  secure.close();
});
