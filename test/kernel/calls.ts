/** The calls of calls.py, on the host in a world: the same steps, the same results, if the host is like Linux. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Calls, type Host, OpenFlag, type Result, Socket } from '../../src/host/index.ts';
import { addHost, World } from '../../src/sim/index.ts';
import { Errno } from '../../src/tcp/errno.ts';
import { parseAddress } from '../../src/wire/index.ts';
import { root } from '../support/needs.ts';

/** [operation, socket's name, arguments...]; see calls.py. */
export type Step = readonly (string | number)[];

export function runOnHost(sequences: readonly (readonly Step[])[]): (number | string)[][] {
  const world = new World({ seed: 1 });
  const host = addHost(world, 'host', { interfaces: [{ addresses: ['192.0.2.1/24'] }] });
  return sequences.map((sequence) => new Runner(world, host).run(sequence));
}

/** The same on the real kernel, in a network namespace of their own: needs `netns` and `python3`. */
export function runOnKernel(sequences: readonly (readonly Step[])[]): (number | string)[][] {
  const script = join(root, 'test', 'kernel', 'calls.py');
  const { stdout, stderr, status } = spawnSync(
    'unshare',
    ['-n', 'sh', '-c', `ip link set lo up && exec python3 ${script}`],
    { input: JSON.stringify(sequences), encoding: 'utf8', maxBuffer: 1e8 },
  );
  if (status !== 0) throw new Error(`the kernel's side failed: ${stderr}`);
  return JSON.parse(stdout) as (number | string)[][];
}

class Runner {
  private readonly fds = new Map<string, number>();
  private readonly world: World;
  private readonly calls: Calls;

  constructor(world: World, host: Host) {
    this.world = world;
    this.calls = new Calls(host);
  }

  run(sequence: readonly Step[]): (number | string)[] {
    const results = sequence.map((step) => this.step(step));
    for (const fd of this.fds.values()) this.calls.close(fd);
    return results;
  }

  private step([op, name, ...args]: Step): number | string {
    const result = this.one(String(op), String(name), args);
    this.world.run(this.world.clock.now + 2000);
    return result;
  }

  private one(op: string, name: string, args: readonly (string | number)[]): number | string {
    const { calls } = this;
    const n = (i: number): number => Number(args[i] ?? 0);
    if (op === 'socket') {
      this.fds.set(name, calls.socket(n(0), 1 | OpenFlag.nonBlock, 0));
      return 0;
    }
    const fd = this.fds.get(op === 'accept' ? String(args[0]) : name);
    if (fd === undefined) return 'none';
    const address = () => ({ family: this.familyOf(fd), address: parseAddress(String(args[0])), port: n(1) });
    switch (op) {
      case 'accept': {
        const child = now(calls.accept(fd, OpenFlag.nonBlock));
        if (child < 0) return child;
        // Python closes a socket that nobody refers to any more.
        const before = this.fds.get(name);
        this.fds.set(name, child);
        if (before !== undefined) calls.close(before);
        return 0;
      }
      case 'close':
        this.fds.delete(name);
        return now(calls.close(fd));
      case 'bind':
        return calls.bind(fd, address());
      case 'listen':
        return calls.listen(fd, n(0));
      case 'connect':
        return now(calls.connect(fd, address()));
      case 'send':
        return now(calls.send(fd, new Uint8Array(n(0)), n(1)));
      case 'recv':
        return now(calls.receive(fd, new Uint8Array(n(0)), n(1)));
      case 'shutdown':
        return calls.shutdown(fd, n(0));
      case 'set':
        return calls.setsockopt(fd, n(0), n(1), int(n(2)));
      case 'linger':
        return calls.setsockopt(fd, 1, 13, Uint8Array.of(...int(1), ...int(n(0))));
      case 'get': {
        const value = calls.getsockopt(fd, n(0), n(1), 4);
        return typeof value === 'number'
          ? value
          : new DataView(value.buffer, value.byteOffset).getInt32(0, true);
      }
      case 'poll': {
        const revents: number[] = [];
        calls.poll([{ fd, events: n(0) }], 0, revents);
        return revents[0]!;
      }
      case 'queued': {
        const written = { value: 0 };
        const result = calls.ioctl(fd, 0x541b, 0, written);
        return result < 0 ? result : written.value;
      }
      case 'port':
        return this.socket(fd).local.port;
      case 'peer':
        return this.socket(fd).remote?.port ?? -Errno.ENOTCONN;
    }
    throw new RangeError(`there is no step '${op}'`);
  }

  private socket(fd: number): Socket {
    const socket = this.calls.socketOf(fd);
    if (!(socket instanceof Socket)) throw new RangeError(`descriptor ${fd} is no socket`);
    return socket;
  }

  private familyOf(fd: number): number {
    return this.socket(fd).family === 4 ? 2 : 10;
  }
}

function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

/** A call that would wait is one that a socket without blocking does not make. */
function now(result: Result): number {
  if (typeof result !== 'number') throw new Error('a call on a non-blocking socket waits');
  return result;
}
