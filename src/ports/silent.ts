/**
 * A port that answers no SYN. A listener whose accept queue is full drops SYNs without an answer (Linux: tcp_conn_request,
 * counted as ListenOverflows), so this listens with the smallest backlog, never accepts, and fills the queue itself.
 *
 * A server of Node accepts by itself whenever its thread is idle. This one lives in a thread that is not: once it
 * listens the thread waits in Atomics.wait() until it is told to end.
 */
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { type Lease, leaseOf } from './lease.ts';
import { loopback, noSuchAddress, withPort } from './listen.ts';

/** Runs in the thread; as text, so that no bundler, test runner or compiler has to find its file. */
const program = `
const { createServer } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const { port, hosts, gate } = workerData;
const open = [];
let left = hosts.length;
const settled = () => {
  if (--left > 0) return;
  parentPort.postMessage(open);
  Atomics.wait(new Int32Array(gate), 0, 0);
  process.exit();
};
for (const host of hosts) {
  const server = createServer();
  server.on('error', (error) => { open.push({ host, code: error.code }); settled(); });
  server.listen({ port, host, backlog: 1, exclusive: true }, () => { open.push({ host }); settled(); });
}
`;

/** What the thread says of each address once it listens. */
interface Opened {
  readonly host: string;
  readonly code?: string;
}

/** How many connections a queue of backlog 1 takes on Linux: it is full when it holds more than its backlog. */
const room = 2;
/** How long a connect that ought to get no answer is waited for, in ms. */
const patience = 50;

/** Connections that fill a queue, kept open: on BSD and macOS the end of one would make room. */
class Filler {
  private readonly sockets = new Set<Socket>();

  /** Adds a connection. Resolves to whether there was an answer within `ms`; a connect without one is given up. */
  private add(port: number, host: string, ms: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host });
      const timer = setTimeout(() => {
        socket.destroy();
        resolve(false);
      }, ms);
      socket.on('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      socket.on('connect', () => {
        clearTimeout(timer);
        this.sockets.add(socket.unref());
        resolve(true);
      });
    });
  }

  /** Fills the queue of a listener. @throws Error if it takes more than any queue of this backlog should */
  async fill(port: number, host: string): Promise<void> {
    for (let tries = 0; tries < 8 * room; tries++) {
      const connected = await this.add(port, host, tries < room ? 10_000 : patience);
      if (!connected) return;
    }
    throw new Error(`halfopen/ports: the accept queue of ${host} port ${port} does not become full here`);
  }

  close(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }
}

function startListener(port: number, gate: SharedArrayBuffer): { worker: Worker; opened: Promise<Opened[]> } {
  const worker = new Worker(program, {
    eval: true,
    workerData: { port, hosts: loopback, gate },
    // A preload (the guard, a test runner's) has nothing to do in there.
    execArgv: [],
    env: {},
  });
  const opened = new Promise<Opened[]>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`halfopen/ports: the listening thread ended (${code})`)));
  });
  return { worker, opened };
}

/**
 * A port of localhost on which no handshake is ever answered: a connect stays in SYN-SENT until its caller or the
 * kernel gives up. Measured on Linux; on macOS it rests on the same rule and could not be tried.
 * @throws Error if there is no port to be had, or if this host's accept queues do not become full
 */
export function silentPort(): Promise<Lease> {
  return withPort(async ({ port, held, free }) => {
    const gate = new SharedArrayBuffer(4);
    const { worker, opened } = startListener(port, gate);
    const filler = new Filler();
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const stop = async (): Promise<void> => {
      filler.close();
      // Whoever waits for the end may have nothing else that keeps the process alive.
      worker.ref();
      Atomics.store(new Int32Array(gate), 0, 1);
      Atomics.notify(new Int32Array(gate), 0);
      await ended;
    };
    try {
      const fills = (await opened).map(({ host, code }) => {
        if (code === undefined) return filler.fill(port, host);
        if (host === '::1' && noSuchAddress(code)) return undefined;
        throw new Error(`halfopen/ports: listen on ${host} port ${port}: ${code}`);
      });
      await Promise.all(fills);
    } catch (error) {
      await stop();
      throw error;
    }
    worker.unref();
    const undo = async (): Promise<void> => {
      await stop();
      await free();
    };
    return leaseOf(port, held, undo, {});
  });
}
