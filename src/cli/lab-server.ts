/** The server of `halfopen lab`: a folder's files, compressed, and, if asked for, the commands of topics on this kernel. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { labTexts } from '../messages/lab.ts';
import { type Language, speaker } from '../messages/message.ts';
import type { LiveRun } from './lab-live.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
};

interface ServerOptions {
  readonly language?: Language;
  /** Runs the commands of a topic; null if there is no such topic. */
  readonly live?: { readonly token: string; run(topic: number): Promise<LiveRun | null> };
}

/** What every answer carries. */
const always = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "frame-ancestors 'self'",
  'referrer-policy': 'no-referrer',
} as const;

/** Names by which a page on this machine is asked for; any other is somebody who made a name of his point here. */
const isLocal = (host: string | undefined): boolean =>
  host !== undefined && /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host);

/** A part of the folder that an address names; null if it lies outside of it or is hidden. */
function pathOf(folder: string, url: string): string | null {
  let path: string;
  try {
    path = normalize(decodeURIComponent(url.replace(/[?#].*$/, '')));
  } catch {
    return null;
  }
  const file = join(folder, path.endsWith(sep) ? `${path}index.html` : path);
  return file.startsWith(folder + sep) && !/[\\/]\./.test(path) && !path.includes('\0') ? file : null;
}

type Encoding = 'br' | 'gzip' | 'identity';
const encodings = {
  br: promisify(brotliCompress),
  gzip: promisify(gzip),
};

/** The best encoding that the browser takes. */
const encodingFor = ({ headers }: IncomingMessage, file: string): Encoding => {
  const taken = String(headers['accept-encoding'] ?? '');
  if (types[extname(file)] === undefined) return 'identity';
  return /\bbr\b/.test(taken) ? 'br' : /\bgzip\b/.test(taken) ? 'gzip' : 'identity';
};

/** Compressed files, each made once for each state of the file. */
class Compressed {
  private readonly made = new Map<string, Promise<Uint8Array>>();

  of(file: string, stamp: number, encoding: Encoding, bytes: Uint8Array): Promise<Uint8Array> {
    if (encoding === 'identity') return Promise.resolve(bytes);
    const key = `${encoding} ${stamp} ${file}`;
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const made =
      encoding === 'br'
        ? encodings.br(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } })
        : encodings.gzip(bytes);
    this.made.set(key, made);
    return made;
  }
}

/** A server of a folder's files, for GET and HEAD. It does not listen yet. */
export function serveFolder(folder: string, { language = 'en', live }: ServerOptions = {}): Server {
  const say = speaker(labTexts, language);
  const compressed = new Compressed();
  const fail = (response: ServerResponse, status: number, text: string): void => {
    response.writeHead(status, { ...always, 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
  };
  const answerLive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const topic = /^\/live\/(\d{1,2})$/.exec(request.url ?? '')?.[1];
    if (live === undefined || topic === undefined) fail(response, 404, say('noPage'));
    else if (request.headers['x-lab-token'] !== live.token) fail(response, 403, say('noToken'));
    else {
      const result = await live.run(Number(topic));
      if (result === null) fail(response, 404, say('noPage'));
      else
        response
          .writeHead(200, { ...always, 'content-type': 'application/json', 'cache-control': 'no-store' })
          .end(JSON.stringify(result));
    }
  };
  const answerFile = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const file = pathOf(folder, request.url ?? '/');
    // A link inside of the folder may lead out of it.
    const real = file === null ? null : await realpath(file).catch(() => null);
    const inside = real?.startsWith(`${await realpath(folder)}${sep}`) === true;
    const about = file === null || !inside ? null : await stat(file).catch(() => null);
    if (file === null || about === null || !about.isFile()) {
      fail(response, 404, say('noPage'));
      return;
    }
    const bytes = await readFile(file).catch(() => null);
    if (bytes === null) {
      fail(response, 500, say('unreadable'));
      return;
    }
    const encoding = encodingFor(request, file);
    const body = await compressed.of(file, about.mtimeMs, encoding, bytes);
    response.writeHead(200, {
      ...always,
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'content-length': body.length,
      vary: 'accept-encoding',
      ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
      // Names of assets change with their content; the page itself does not.
      'cache-control': file.includes(`${sep}assets${sep}`) ? 'max-age=31536000, immutable' : 'no-cache',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  return createServer((request, response) => {
    if (!isLocal(request.headers.host)) {
      fail(response, 421, say('otherHost'));
      return;
    }
    const post = request.method === 'POST' && live !== undefined;
    if (!post && request.method !== 'GET' && request.method !== 'HEAD') {
      fail(response, 405, say('onlyGet'));
      return;
    }
    const answer = post ? answerLive(request, response) : answerFile(request, response);
    answer.catch(() => {
      if (response.headersSent) response.destroy();
      else fail(response, 500, say('unreadable'));
    });
  });
}
