/** The story of `halfopen self-connect` on a host of halfopen's own, where the kernel's is out of reach. */
import { type Host, Socket } from '../host/index.ts';
import { addHost, World } from '../sim/index.ts';
import { Errno } from '../tcp/errno.ts';
import { formatEndpoint, parseAddress, sameAddress } from '../wire/address.ts';
import { packetText } from '../wire/text.ts';
import { type Meeting, type Search, type Stage, StoryError } from './self-connect-story.ts';

const address = parseAddress('127.0.0.1');
/** The packets of a world need some time, µs. */
const moment = 1000;

const nameOf = (negative: number): string =>
  Object.entries(Errno).find(([, value]) => value === -negative)?.[0] ?? `errno ${-negative}`;

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** The packets of a socket that connects to itself, a line each, without windows and options. */
export function packetsOfSelfConnect(port: number): string[] {
  const world = new World({ seed: 1 });
  const host = addHost(world, 'host', { interfaces: [] });
  const lines: string[] = [];
  world.watch((event) => {
    if (event.kind === 'sent') lines.push(packetText(event.bytes, 'tshark').replace(/ Win=.*/, ''));
  });
  const socket = host.socket(4);
  socket.bind(address, port);
  socket.connect(address, port);
  world.run(moment);
  return lines;
}

export class VirtualStage implements Stage {
  readonly where = 'virtual';
  readonly reserved = '';
  private readonly world = new World({ seed: 1 });
  private readonly host: Host = addHost(this.world, 'host', { interfaces: [] });

  get range(): readonly [number, number] {
    return this.host.sysctls.host.localPortRange;
  }

  /** Lets the call come to its end. @returns its result */
  private finish(result: ReturnType<Socket['connect']>): number {
    let value: number | undefined;
    this.host.await(result, (n) => {
      value = n;
    });
    while (value === undefined && this.world.step());
    if (value === undefined) throw new StoryError((say) => say('neverEnded', { seed: this.world.seed }));
    return value;
  }

  private search(
    port: number,
    enough: (search: Search) => boolean,
    accept: (socket: Socket) => boolean,
  ): Search & { socket?: Socket } {
    for (let tries = 1; ; tries++) {
      const socket = this.host.socket(4);
      const result = this.finish(socket.connect(address, port));
      // A loopback takes no virtual time.
      const search = { tries, seconds: 0 };
      if (result === 0 && accept(socket)) return { ...search, socket };
      if (result < 0 && result !== -Errno.ECONNREFUSED)
        throw new StoryError((say) =>
          say('connectFailed', { where: `127.0.0.1:${port}`, code: nameOf(result) }),
        );
      socket.release();
      if (enough(search)) return search;
    }
  }

  async meet(port: number, wrote: string, enough: (search: Search) => boolean): Promise<Meeting> {
    const { tries, seconds, socket } = this.search(port, enough, () => true);
    if (socket === undefined) return { tries, seconds, met: null };
    const buffer = new Uint8Array(100);
    this.finish(socket.send(new TextEncoder().encode(wrote), 0));
    const read = text(buffer.subarray(0, this.finish(socket.receive(buffer, 0))));
    const [local, remote] = [socket.local, socket.remote!];
    const close = async (): Promise<void> => {
      socket.release();
      this.world.run(this.world.clock.now + moment);
    };
    return {
      tries,
      seconds,
      met: {
        local: formatEndpoint(local.address, local.port),
        remote: formatEndpoint(remote.address, remote.port),
        read,
        close,
      },
    };
  }

  private listener(port: number): Socket | string {
    const socket = this.host.socket(4);
    socket.conn.setOption('reuse', true);
    socket.optionsChanged();
    const result = socket.bind(address, port) || socket.listen(10);
    if (result === 0) return socket;
    socket.release();
    return nameOf(result);
  }

  async listen(port: number): Promise<string | null> {
    const result = this.listener(port);
    if (typeof result === 'string') return result;
    result.release();
    return null;
  }

  async meetGuarded(
    port: number,
    enough: (search: Search) => boolean,
  ): Promise<Search & { stopped: number }> {
    let stopped = 0;
    // The guard's rule by hand: the guard itself lives in Node's sockets, and these are none.
    const accept = (socket: Socket): boolean => {
      const [local, remote] = [socket.local, socket.remote];
      if (remote === null || local.port !== remote.port || !sameAddress(local.address, remote.address))
        return true;
      stopped++;
      socket.conn.setOption('linger', 0);
      return false;
    };
    const { tries, seconds } = this.search(port, (so) => stopped > 0 || enough(so), accept);
    return { tries, seconds, stopped };
  }

  async serve(port: number): Promise<string> {
    const server = this.listener(port);
    if (typeof server === 'string') throw new StoryError((say) => say('couldNotListen', { code: server }));
    const client = this.host.socket(4);
    const result = this.finish(client.connect(address, port));
    if (result !== 0) throw new StoryError((say) => say('couldNotReach', { code: nameOf(result) }));
    this.world.run(this.world.clock.now + moment);
    const peer = server.accept(0);
    if (!(peer instanceof Socket))
      throw new StoryError((say) => say('acceptedNobody', { code: nameOf(peer) }));
    this.finish(peer.send(new TextEncoder().encode('Yes, I am here.'), 0));
    const buffer = new Uint8Array(100);
    return text(buffer.subarray(0, this.finish(client.receive(buffer, 0))));
  }
}
