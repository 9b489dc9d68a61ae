/** Self-connect as it happens: how a connect loop comes to it, the harm, the remedies. */
import { describe, expect, test } from 'vitest';
import { dial, type Host, isSelfConnected, OpenFlag, Socket } from '../../src/host/index.ts';
import { addHost, type Pair, pair, World } from '../../src/sim/index.ts';
import { Errno } from '../../src/tcp/errno.ts';
import { parseAddress } from '../../src/wire/address.ts';
import { packetText } from '../../src/wire/text.ts';

const loopback = parseAddress('127.0.0.1');

/** A host on its own; its seed decides its ports. Nobody watches, so that loops are quick. */
function alone(seed: number, sysctls: Record<string, string | number> = {}): { world: World; host: Host } {
  const world = new World({ seed });
  const host = addHost(world, 'host', { interfaces: [{ addresses: ['192.0.2.1/24'] }], sysctls });
  return { world, host };
}

/** Connects once and lets the loopback carry the packets: the socket, or -errno. */
function connectOnce(world: World, host: Host, port: number, bind = false): Socket | number {
  const socket = host.socket(4, OpenFlag.nonBlock);
  if (bind) socket.bind(loopback, 0);
  socket.connect(loopback, port);
  world.run(world.clock.now + 50);
  const error = socket.takeError();
  if (error === 0) return socket;
  socket.release();
  return -error;
}

/** Tries until one succeeds, as a client does whose server is down; null if it never does. */
function connectLoop(
  world: World,
  host: Host,
  port: number,
  most: number,
  bind = false,
): { tries: number; socket: Socket } | null {
  for (let tries = 1; tries <= most; tries++) {
    const socket = connectOnce(world, host, port, bind);
    if (socket instanceof Socket) return { tries, socket };
    if (socket !== -Errno.ECONNREFUSED) throw new Error(`connect gave ${socket} (seed ${world.seed})`);
  }
  return null;
}

describe('a loop of connect() to a port where nobody listens', () => {
  test('sooner or later connects to itself', () => {
    const tries = [1, 2, 3, 4, 5].map((seed) => {
      const { world, host } = alone(seed);
      const found = connectLoop(world, host, 50000, 200_000);
      expect(found, `seed ${seed}`).not.toBeNull();
      expect(isSelfConnected(found!.socket)).toBe(true);
      expect(found!.socket.local).toEqual({ address: loopback, port: 50000 });
      return found!.tries;
    });
    // On average half of the 14,116 ports of its parity times a little chance; each of five within wide bounds.
    expect(Math.min(...tries)).toBeLessThan(30_000);
    expect(new Set(tries).size).toBeGreaterThan(1);
  });

  test('never does at a port of the other parity, unless it binds first', () => {
    const { world, host } = alone(1);
    expect(connectLoop(world, host, 50001, 20_000)).toBeNull();
    expect(connectLoop(world, host, 50001, 400_000, true)).not.toBeNull();
  });

  test('never does outside of ip_local_port_range, nor at a reserved port, nor at one that somebody bound', () => {
    for (const sysctls of [
      { 'net.ipv4.ip_local_port_range': '50002 50020' },
      { 'net.ipv4.ip_local_port_range': '49990 50010', 'net.ipv4.ip_local_reserved_ports': '50000' },
    ]) {
      const { world, host } = alone(1, sysctls);
      expect(connectLoop(world, host, 50000, 2_000)).toBeNull();
    }
    const { world, host } = alone(1, { 'net.ipv4.ip_local_port_range': '49990 50010' });
    const holder = host.socket(4);
    expect(holder.bind(parseAddress('127.0.0.2'), 50000)).toBe(0);
    expect(connectLoop(world, host, 50000, 2_000)).toBeNull();
    holder.release();
    expect(connectLoop(world, host, 50000, 2_000)).not.toBeNull();
  });

  test('connects to itself over IPv6 and over the own address as well', () => {
    for (const text of ['::1', '192.0.2.1', '0.0.0.0']) {
      const { world, host } = alone(1, { 'net.ipv4.ip_local_port_range': '50000 50000' });
      const address = parseAddress(text);
      const socket = host.socket(address.family, OpenFlag.nonBlock);
      socket.connect(address, 50000);
      world.run(50);
      expect(socket.takeError()).toBe(0);
      expect(isSelfConnected(socket)).toBe(true);
    }
  });
});

/** A host whose only ephemeral port is the service's: the first try connects to itself. */
const trap = (): Pair => pair({ client: { sysctls: { 'net.ipv4.ip_local_port_range': '50000 50000' } } });

test('on the wire it is a SYN, a SYN+ACK and an ACK with D-SACK, all from the port to itself', () => {
  const { world, client, events } = trap();
  const socket = client.socket(4, OpenFlag.nonBlock);
  socket.connect(loopback, 50000);
  world.run(50);
  const texts = events.flatMap((event) => (event.kind === 'sent' ? [packetText(event.bytes, 'tshark')] : []));
  expect(texts.map((text) => text.split(' Seq=')[0])).toEqual([
    '127.0.0.1:50000 → 127.0.0.1:50000 [SYN]',
    '127.0.0.1:50000 → 127.0.0.1:50000 [SYN, ACK]',
    '127.0.0.1:50000 → 127.0.0.1:50000 [ACK]',
  ]);
  const [, isn] = /Seq=(\d+)/.exec(texts[0]!)!;
  expect(texts[2]).toContain(`SLE=${isn} SRE=${Number(isn) + 1}`);
});

describe('the harm', () => {
  const listen = (host: Host): number => {
    const service = host.socket(4, OpenFlag.nonBlock);
    service.conn.setOption('reuse', true);
    const result = service.bind(parseAddress('0.0.0.0'), 50000) || service.listen(10);
    service.release();
    return result;
  };

  test('is that the service cannot bind its port, and for a minute after an ordinary close', () => {
    const { world, client } = trap();
    const socket = connectOnce(world, client, 50000);
    expect(listen(client)).toBe(-Errno.EADDRINUSE);
    if (!(socket instanceof Socket)) throw new Error('it did not connect to itself');
    socket.release();
    world.run(59_000_000);
    expect(listen(client)).toBe(-Errno.EADDRINUSE);
    world.run(61_000_000);
    expect(listen(client)).toBe(0);
  });

  test('ends at once if the connection is closed with a reset', () => {
    const { world, client } = trap();
    const socket = connectOnce(world, client, 50000) as Socket;
    socket.conn.setOption('linger', 0);
    socket.release();
    world.run(100);
    expect(listen(client)).toBe(0);
  });
});

describe('a dial by the rules of Go', () => {
  const outcome = (host: Host, port: number, options = {}): { result: Socket | number | null } => {
    const box: { result: Socket | number | null } = { result: null };
    dial(host, loopback, port, options, (result) => {
      box.result = result;
    });
    return box;
  };
  const connects = ({ events }: Pair): number =>
    events.filter((event) => event.kind === 'tcp' && event.event.reason === 'active-open').length;

  test('is refused instead, and leaves the port free', () => {
    const world = new World({ seed: 1 });
    const host = addHost(world, 'host', {
      interfaces: [{ addresses: ['192.0.2.1/24'] }],
      sysctls: { 'net.ipv4.ip_local_port_range': '50000 50009' },
    });
    let handedOut = 0;
    for (let i = 0; i < 500; i++) {
      const box = outcome(host, 50000);
      world.run(world.clock.now + 50);
      // One connection in five is with itself; three of them in a row are one dial in 125.
      if (box.result instanceof Socket) {
        // An ordinary close would leave a TIME-WAIT at the port, and no dial would meet itself again.
        box.result.conn.setOption('linger', 0);
        box.result.release();
        handedOut++;
      } else expect(box.result).toBe(-Errno.ECONNREFUSED);
    }
    expect(host.tcp.counters.ActiveOpens).toBeGreaterThan(550);
    expect(handedOut).toBeLessThan(25);
  });

  test('gives up after two retries: the third connection with itself is handed out, as Go does', () => {
    const it = trap();
    const box = outcome(it.client, 50000);
    it.world.run(500);
    expect(connects(it)).toBe(3);
    expect(box.result).toBeInstanceOf(Socket);
  });

  test('does not retry if the local port was asked for', () => {
    const it = trap();
    const box = outcome(it.client, 50000, { localAddress: loopback, localPort: 50000 });
    it.world.run(500);
    expect(connects(it)).toBe(1);
    expect(box.result).toBeInstanceOf(Socket);
  });

  test('gives up at its deadline', () => {
    const { world, client } = pair();
    const box: { result: Socket | number | null } = { result: null };
    dial(client, parseAddress('192.0.2.77'), 80, { timeoutUs: 2_500_000 }, (result) => {
      box.result = result;
    });
    world.run();
    expect(box.result).toBe(-Errno.ETIMEDOUT);
    expect(world.clock.now).toBe(2_500_000);
  });
});
