/** `halfopen lab`: serves the lab's static build on 127.0.0.1. */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { dirname, extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const help = `Usage: halfopen lab [OPTION]...

Serves the lab, a page on which to watch connections being opened and to break them, on
127.0.0.1 until it is interrupted. The page needs no other host.

Options:
  --port N    the port; any free one if not given
  --help      this text

Examples:
  halfopen lab
  halfopen lab --port 8088
`;

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

/** The folder of the build in an installed package and in a clone alike. */
const labFolder: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'dist-lab');

function fail(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

/** The file an address means; null if there is none, or if it lies outside of the folder or is hidden. */
function fileFor(folder: string, url: string): string | null {
  let path: string;
  try {
    path = normalize(decodeURIComponent(url.replace(/[?#].*$/, '')));
  } catch {
    return null;
  }
  const file = join(folder, path.endsWith(sep) ? `${path}index.html` : path);
  const allowed = file.startsWith(folder + sep) && !/[\\/]\./.test(path) && !path.includes('\0');
  return allowed && existsSync(file) && statSync(file).isFile() ? file : null;
}

/** A server of a folder's files, for GET and HEAD. It does not listen yet. */
export function serveFolder(folder: string): Server {
  return createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      fail(response, 405, 'only GET and HEAD are served here');
      return;
    }
    const file = fileFor(folder, request.url ?? '/');
    if (file === null) {
      fail(response, 404, 'there is no such page');
      return;
    }
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      // Names of assets change with their content; the page itself does not.
      'cache-control': file.includes(`${sep}assets${sep}`) ? 'max-age=31536000, immutable' : 'no-cache',
    });
    if (request.method === 'HEAD') response.end();
    else createReadStream(file).pipe(response);
  });
}

/** Serves until it is interrupted. */
export async function run(args: string[]): Promise<number> {
  let port = 0;
  try {
    const { values } = parseArgs({ args, options: { port: { type: 'string' }, help: { type: 'boolean' } } });
    if (values.help) {
      process.stdout.write(help);
      return 0;
    }
    port = Number(values.port ?? 0);
    if (!/^\d+$/.test(values.port ?? '0') || port > 65_535)
      throw new RangeError(`--port must be a number from 0 to 65535, not '${values.port}'`);
  } catch (error) {
    process.stderr.write(`halfopen lab: ${(error as Error).message}\n\n${help}`);
    return 2;
  }
  if (!existsSync(join(labFolder, 'index.html'))) {
    process.stderr.write(
      "halfopen lab: the page is not built; in a clone, 'npm run lab' builds and serves it\n",
    );
    return 1;
  }
  const server = serveFolder(labFolder);
  return new Promise((resolve) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE' ? `port ${port} is in use: choose another with --port` : error.message;
      process.stderr.write(`halfopen lab: ${why}\n`);
      resolve(1);
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const actual = typeof address === 'object' ? address?.port : port;
      process.stdout.write(`http://127.0.0.1:${actual}/\n`);
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        server.close(() => resolve(0));
        server.closeAllConnections();
      });
  });
}
