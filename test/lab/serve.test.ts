import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/cli/lab.ts';
import { serveFolder } from '../../src/cli/lab-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'halfopen-lab-'));
const server = serveFolder(join(folder, 'site'));
let port = 0;

beforeAll(async () => {
  mkdirSync(join(folder, 'site', 'assets'), { recursive: true });
  writeFileSync(join(folder, 'site', 'index.html'), '<p>page</p>');
  writeFileSync(join(folder, 'site', '.stamp'), 'hidden');
  writeFileSync(join(folder, 'site', 'assets', 'a.js'), '1');
  writeFileSync(join(folder, 'secret'), 'secret');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** The answer to a request line as it stands: clients would tidy the path up. */
const ask = (path: string, method = 'GET', host = '127.0.0.1:80', more = ''): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`);
    });
    let text = '';
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });

test('the page and its assets are served, whatever is asked behind them', async () => {
  expect(await ask('/')).toMatch(/200 OK[\s\S]*text\/html[\s\S]*<p>page<\/p>/);
  expect(await ask('/?x=1')).toContain('200 OK');
  expect(await ask('/assets/a.js')).toContain('text/javascript');
  expect(await ask('/', 'HEAD')).not.toContain('<p>page</p>');
});

test('another host name is refused, and every answer says how it may be used', async () => {
  for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:80'])
    expect(await ask('/', 'GET', host), host).toMatch(/^HTTP\/1.1 421 /);
  for (const path of ['/', '/nothing', '/assets/a.js'])
    expect(await ask(path, 'GET', 'localhost')).toMatch(/nosniff[\s\S]*frame-ancestors 'self'/);
});

test('what a browser takes compressed it gets compressed', async () => {
  expect(await ask('/', 'GET', 'localhost', 'Accept-Encoding: gzip, br\r\n')).toContain(
    'content-encoding: br',
  );
  expect(await ask('/', 'GET', 'localhost', 'Accept-Encoding: gzip\r\n')).toContain('content-encoding: gzip');
  expect(await ask('/')).not.toContain('content-encoding');
});

test('a link that leads out of the folder is no page, and a file that goes away ends nothing', async () => {
  symlinkSync(join(folder, 'secret'), join(folder, 'site', 'link.js'));
  expect(await ask('/link.js')).toContain('404 Not Found');
  expect(await ask('/')).toContain('200 OK');
});

test('nothing outside of the folder, hidden or not there is served, and nothing is written', async () => {
  for (const path of [
    '/../secret',
    '/..%2fsecret',
    '/%2e%2e/secret',
    '/.stamp',
    '/nothing',
    '/assets',
    '/%00',
    '/%',
  ])
    expect(await ask(path), path).toContain('404 Not Found');
  expect(await ask('/', 'POST')).toContain('405 Method Not Allowed');
});

test('a port that is none is a usage error', async () => {
  expect(await run(['--port', 'http'])).toBe(2);
  expect(await run(['--port', '70000'])).toBe(2);
});
