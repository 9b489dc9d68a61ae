import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { CaptureSummary } from '../../src/explain/output/summary.ts';
import { AttemptPage, escapeHtml, pageLimits } from '../../src/view/attempt-page.ts';
import { attemptsOf } from '../explain/truth.ts';
import { explainCommand, inFolder, sample } from '../support/explain-cli.ts';
import { root, testNeeding } from '../support/needs.ts';

const attempts = attemptsOf(sample);
const summary = (count: number): CaptureSummary => ({
  packets: 3 * count,
  segments: 3 * count,
  attempts: count,
  malformed: 0,
  unread: new Map(),
  orphanIcmp: 0,
  leftOut: 0,
  neighbours: [],
  names: new Map(),
});

function pageOf(list: typeof attempts, name = 'a.pcap', problem: string | null = null): string {
  const page = new AttemptPage();
  for (const attempt of list) page.add(attempt);
  return page.html(name, summary(list.length), problem);
}

describe('explain --html', () => {
  test('tells of every attempt: sentence, frames, packets and options', () =>
    inFolder((folder) => {
      expect(explainCommand(['--html', 'report.html', sample], folder)).toMatchObject({
        status: 0,
        stderr: '',
      });
      const html = readFileSync(join(folder, 'report.html'), 'utf8');
      for (const a of attempts) {
        expect(html).toContain(`id="a${a.number}"`);
        expect(html).toContain(escapeHtml(a.sentence));
        for (const p of a.evidence.packets) expect(html).toContain(`<span class="fr">${p.frame}</span>`);
      }
      expect(html).toContain('Nothing was left out.');
      expect(html).not.toMatch(/https?:|url\(|@import|src=|<script|<link/);
      expect(html.match(/<li class="(out|in) /g)!.length).toBe(
        attempts.reduce((sum, a) => sum + a.evidence.packets.length, 0),
      );
    }));

  test('stays within its size, keeps what is rare, and says what was left out', () => {
    const [plain] = attempts;
    const many = Array.from({ length: 5000 }, (_, n) => ({ ...plain!, number: n + 1 }));
    const rare = attempts
      .filter((a) => a.verdict !== 'completed')
      .map((a, n) => ({ ...a, number: 6000 + n }));
    const html = pageOf([...many, ...rare]);
    expect(html.match(/<details /g)!.length).toBe(pageLimits.attempts);
    for (const a of rare) expect(html).toContain(`id="a${a.number}"`);
    expect(html).toContain(
      `${(many.length + rare.length - 300).toLocaleString('en')} attempts were left out`,
    );
    expect(html).toContain('of 5,000</small>');
  });

  test('stays within its size when every attempt is long', () => {
    const long = attempts.find((a) => a.verdict === 'unanswered')!;
    const packets = Array.from({ length: 400 }, (_, n) => ({
      ...long.evidence.packets[0]!,
      seq: n,
      frame: n,
    }));
    const list = Array.from({ length: 300 }, (_, n) => ({
      ...long,
      number: n + 1,
      evidence: { ...long.evidence, packets },
    }));
    const html = pageOf(list);
    expect(html.length).toBeLessThan(pageLimits.characters * 1.1);
    expect(html.match(/<details /g)!.length).toBeGreaterThan(10);
    expect(html).toMatch(/[0-9]+ attempts were left out/);
  });

  test('links only to what is there', () => {
    const html = pageOf([...attempts, ...attempts.map((a) => ({ ...a, number: a.number + 100 }))]);
    const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!));
    const links = [...html.matchAll(/ href="([^"]+)"/g)].map((match) => match[1]!);
    expect(links.length).toBeGreaterThan(5);
    for (const link of links) expect(ids).toContain(link.slice(1));
  });

  test('escapes whatever could come from a capture or its name', () => {
    const evil = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&`;
    const a = {
      ...attempts[1]!,
      client: evil,
      server: evil,
      sentence: evil,
      encapsulation: evil,
      evidence: { ...attempts[1]!.evidence, client: evil, server: evil },
    };
    const html = pageOf([a], evil, evil);
    expect(html).not.toMatch(/<script|<img|onerror='/);
    expect(html.split('&#60;script&#62;').length).toBeGreaterThan(8);
  });

  test('says that a capture is damaged, and has no attempts if there are none', () => {
    expect(pageOf([], 'a.pcap', 'it ends within a packet (at byte 7)')).toContain(
      'could not be read to its end: it ends within a packet (at byte 7)',
    );
    expect(pageOf([])).toContain('No TCP connection attempts.');
  });

  test('says that there are packets that it is not about', () => {
    const page = new AttemptPage().html('a.pcap', { ...summary(0), unread: new Map([[127, 5]]) }, null);
    expect(page).toContain('not about all packets: halfopen cannot read 5 packets of link type 127.');
    expect(pageOf([])).not.toContain('cannot read');
  });

  test('is of one capture', () => {
    const ended = explainCommand(['--html', 'x.html', sample, sample]);
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    expect(ended.stderr).toContain('merge them first (mergecap)');
  });
});

/** Opens a page in a browser whose proxy we are: every request of any kind comes by. */
async function browse(
  html: string,
  served: (path: string) => Buffer | null = () => null,
): Promise<{ dom: string; console: string[]; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url!.replace('http://', ''));
    const path = request.url!.replace('http://page.test', '');
    response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(path === '/page.html' ? html : (served(path) ?? ''));
  });
  server.on('connect', (request, socket) => {
    requests.push(request.url!);
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await inFolder(async (folder) => {
      const { stdout, stderr } = await ended('chromium', [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        `--user-data-dir=${folder}`,
        `--proxy-server=http://127.0.0.1:${port}`,
        '--enable-logging=stderr',
        '--virtual-time-budget=2000',
        '--dump-dom',
        'http://page.test/page.html',
      ]);
      const console = stderr.split('\n').filter((line) => line.includes('CONSOLE'));
      // The page itself, and the browser's own errands.
      const own =
        /^(page\.test\/(page\.html|favicon\.ico)$|([a-z0-9-]+\.)*(google|googleapis|gstatic)\.com[:/])/;
      return { dom: stdout, console, requests: requests.filter((request) => !own.test(request)) };
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function ended(command: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  const late = setTimeout(() => child.kill('SIGKILL'), 55_000);
  await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(late);
  return texts;
}

const needing = testNeeding('test/cli/explain-page.test.ts', 'chromium');

describe('the page in a browser', () => {
  needing('makes no request and no complaint, whatever the capture is called', async () => {
    await inFolder(async (folder) => {
      const name = `<img src=http:x.test onerror=alert(1)><script>fetch('x')<!--.pcapng`.replaceAll('/', '');
      copyFileSync(sample, join(folder, name));
      expect(explainCommand(['--html', 'r.html', name], folder)).toMatchObject({ status: 0 });
      const seen = await browse(readFileSync(join(folder, 'r.html'), 'utf8'));
      expect(seen.dom).toContain('</html>');
      expect(seen.dom.match(/<details /g)!.length).toBe(attempts.length);
      expect(seen.dom).not.toMatch(/<script|<img/);
      expect(seen.console).toEqual([]);
      expect(seen.requests).toEqual([]);
    });
  });

  needing('would be caught making a request or a complaint', async () => {
    const seen = await browse(
      `<!DOCTYPE html><img src="http://x.test/i.png"><img src="https://y.test/"><script>console.error('complaint')</script>`,
    );
    expect([...new Set(seen.requests)].sort()).toEqual(['x.test/i.png', 'y.test:443']);
    expect(seen.console.join()).toContain('complaint');
  });

  needing('can be made in the browser itself: halfopen/explain runs there, with gzip', async () => {
    const script = `
import { explain } from '/build/explain/index.js';
import { AttemptPage } from '/build/view/attempt-page.js';
const page = new AttemptPage();
let count = 0;
for await (const attempt of explain((await fetch('/sample.gz')).body)) { page.add(attempt); count++; }
document.title = count + ' attempts, ' + page.html('x', { packets: 0, segments: 0, attempts: count, unread: new Map() }, null).length;`;
    const seen = await browse(`<!DOCTYPE html><script type="module">${script}</script>`, (path) => {
      if (path === '/sample.gz') return gzipSync(readFileSync(sample));
      return path.startsWith('/build/') ? readFileSync(join(root, path)) : null;
    });
    expect(seen.console).toEqual([]);
    expect(seen.dom).toContain(`<title>${attempts.length} attempts, `);
  });

  needing('fits a telephone and a desk: nothing sticks out', async () => {
    await inFolder((folder) => {
      const open = pageOf(attempts).replaceAll('<details ', '<details open ');
      for (const width of [390, 1440]) {
        // A frame as wide as the window: the browser itself has a least width.
        const probe = `<!DOCTYPE html><body style="margin:0"><iframe id="f" style="border:0;width:${width}px;height:900px"></iframe><script>
const frame = document.getElementById('f'); frame.onload = () => { const root = frame.contentDocument.documentElement;
document.title = root.scrollWidth + ' of ' + root.clientWidth; }; frame.srcdoc = ${JSON.stringify(open).replaceAll('<', '\\u003c')};</script>`;
        const file = join(folder, `probe-${width}.html`);
        writeFileSync(file, probe);
        const { stdout } = spawnSync(
          'chromium',
          [
            '--headless',
            '--no-sandbox',
            '--disable-gpu',
            `--user-data-dir=${join(folder, 'profile')}`,
            '--window-size=1600,1000',
            '--virtual-time-budget=2000',
            '--dump-dom',
            `file://${file}`,
          ],
          { encoding: 'utf8', maxBuffer: 1 << 26, timeout: 45_000 },
        );
        const [, scroll, client] = /<title>(\d+) of (\d+)<\/title>/.exec(stdout) ?? [];
        expect(Number(client)).toBeGreaterThan(width - 40);
        expect(Number(scroll), `${width} px`).toBeLessThanOrEqual(Number(client));
      }
    });
  });
});
