/** The story of `halfopen self-connect` on the real kernel, in whichever network namespace this process is. */
import { readFileSync } from 'node:fs';
import net, { type Server, type Socket } from 'node:net';
import { type Meeting, type Search, type Stage, StoryError } from './self-connect-story.ts';

const host = '127.0.0.1';
const sysctl = '/proc/sys/net/ipv4/';

/** Connects once. @returns the socket, or the code of the error */
function connectOnce(port: number): Promise<Socket | string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    socket.once('connect', () => resolve(socket));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** Tries until something answers, or `enough` says that it has been enough. */
async function search(
  port: number,
  enough: (search: Search) => boolean,
): Promise<Search & { socket?: Socket }> {
  const started = performance.now();
  for (let tries = 1; ; tries++) {
    const end = await connectOnce(port);
    const search = { tries, seconds: (performance.now() - started) / 1000 };
    if (typeof end !== 'string') return { ...search, socket: end };
    if (end !== 'ECONNREFUSED')
      throw new StoryError((say) => say('connectFailed', { where: `${host}:${port}`, code: end }));
    if (enough(search)) return search;
  }
}

function echo(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (data) => resolve(data.toString()));
    socket.once('error', reject);
    socket.write(text);
  });
}

/** Starts the service. @returns the server, or the code of the error */
function listen(port: number): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => socket.end('Yes, I am here.'));
    server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => resolve(server));
  });
}

async function listenResult(port: number): Promise<string | null> {
  const result = await listen(port);
  if (typeof result === 'string') return result;
  result.close();
  return null;
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.destroy();
  });

export class KernelStage implements Stage {
  readonly where: 'namespace' | 'here';

  constructor(where: 'namespace' | 'here') {
    this.where = where;
  }

  get range(): readonly [number, number] {
    const [low, high] = readFileSync(`${sysctl}ip_local_port_range`, 'utf8').split(/\s+/).map(Number);
    return [low!, high!];
  }

  get reserved(): string {
    return readFileSync(`${sysctl}ip_local_reserved_ports`, 'utf8').trim();
  }

  async meet(port: number, text: string, enough: (search: Search) => boolean): Promise<Meeting> {
    const found = await search(port, enough);
    const { tries, seconds, socket } = found;
    if (socket === undefined) return { tries, seconds, met: null };
    const local = `${socket.localAddress}:${socket.localPort}`;
    const remote = `${socket.remoteAddress}:${socket.remotePort}`;
    if (local !== remote) {
      socket.destroy();
      throw new StoryError((say) => say('somebodyListens', { where: `${host}:${port}` }));
    }
    const read = await echo(socket, text);
    return { tries, seconds, met: { local, remote, read, close: () => closed(socket) } };
  }

  listen(port: number): Promise<string | null> {
    return listenResult(port);
  }

  async meetGuarded(
    port: number,
    enough: (search: Search) => boolean,
  ): Promise<Search & { stopped: number }> {
    const { selfConnects } = await import('../guard/index.ts');
    const found = await search(port, (so) => selfConnects() > 0 || enough(so));
    if (found.socket !== undefined) {
      found.socket.destroy();
      throw new StoryError((say) => say('somethingAnswered', { where: `${host}:${port}` }));
    }
    return { tries: found.tries, seconds: found.seconds, stopped: selfConnects() };
  }

  async serve(port: number): Promise<string> {
    const server = await listen(port);
    if (typeof server === 'string') throw new StoryError((say) => say('couldNotListen', { code: server }));
    const client = await connectOnce(port);
    if (typeof client === 'string') throw new StoryError((say) => say('couldNotReach', { code: client }));
    let text = '';
    for await (const chunk of client) text += chunk;
    server.close();
    return text;
  }
}
