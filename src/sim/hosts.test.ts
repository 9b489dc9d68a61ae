import { describe, expect, test } from 'vitest';
import { Calls, Family, type Host, type InterfaceOptions } from '../host/index.ts';
import { Errno } from '../tcp/errno.ts';
import { parseAddress } from '../wire/address.ts';
import { encodeIp, ipPacket } from '../wire/ip.ts';
import { encodeTcp, Flag, protocolTcp } from '../wire/tcp.ts';
import { packetText } from '../wire/text.ts';
import type { Conditions } from './conditions.ts';
import { addHost, type WorldHostOptions } from './hosts.ts';
import { World } from './world.ts';

interface Two {
  world: World;
  client: Host;
  server: Host;
  c: Calls;
  s: Calls;
  packets: string[];
}

function two(conditions: Conditions = { delayUs: 100 }, options: Partial<WorldHostOptions> = {}): Two {
  const world = new World({ seed: 1 });
  const at = (address: string): InterfaceOptions[] => [{ addresses: [address] }];
  const client = addHost(world, 'client', { interfaces: at('192.0.2.1/24'), ...options });
  const server = addHost(world, 'server', { interfaces: at('192.0.2.2/24'), ...options });
  world.link('wire', 'client', 'server', conditions);
  const packets: string[] = [];
  world.watch((event) => {
    if (event.kind === 'sent')
      packets.push(packetText(event.bytes, 'tshark').replace(/^\S+ → \S+ /, `${event.packet.from} `));
  });
  return { world, client, server, c: new Calls(client), s: new Calls(server), packets };
}

const to = (ip: string, port: number) => ({
  family: ip.includes(':') ? Family.inet6 : Family.inet,
  address: parseAddress(ip),
  port,
});
const stream = 1;

function outcome(host: Host, result: Parameters<Host['await']>[0]): { value: number | null } {
  const box: { value: number | null } = { value: null };
  host.await(result, (value) => {
    box.value = value;
  });
  return box;
}

function listening({ s }: Two, port = 80): number {
  const fd = s.socket(Family.inet, stream, 0);
  expect(s.bind(fd, to('0.0.0.0', port))).toBe(0);
  expect(s.listen(fd, 10)).toBe(0);
  return fd;
}

describe('two hosts', () => {
  test('connect, exchange data both ways and close', () => {
    const it = two();
    const { world, c, s, client, server } = it;
    const listener = listening(it);
    const accepted = outcome(server, s.accept(listener));
    const fd = c.socket(Family.inet, stream, 0);
    const connected = outcome(client, c.connect(fd, to('192.0.2.2', 80)));
    expect(connected.value).toBeNull();
    world.run(1_000_000);
    expect(connected.value).toBe(0);
    expect(accepted.value).toBe(4);
    const buffer = new Uint8Array(20);
    const read = outcome(server, s.receive(4, buffer));
    expect(c.send(fd, new TextEncoder().encode('hello'))).toBe(5);
    world.run(2_000_000);
    expect(read.value).toBe(5);
    expect(new TextDecoder().decode(buffer.subarray(0, 5))).toBe('hello');
    expect(s.send(4, new Uint8Array(3000))).toBe(3000);
    world.run(3_000_000);
    expect(c.receive(fd, new Uint8Array(5000))).toBe(3000);
    expect(c.close(fd)).toBe(0);
    world.run(4_000_000);
    expect(s.receive(4, buffer)).toBe(0);
    expect(s.close(4)).toBe(0);
    expect(world.run()).toBe('idle');
    expect(client.tcp.table.size).toBe(0);
    expect(world.clock.now).toBeGreaterThan(60_000_000);
  });

  test('refuse what nobody listens for', () => {
    const { world, c, client } = two();
    const fd = c.socket(Family.inet, stream, 0);
    const connected = outcome(client, c.connect(fd, to('192.0.2.2', 81)));
    world.run();
    expect(connected.value).toBe(-Errno.ECONNREFUSED);
    expect(world.clock.now).toBe(200);
  });

  test('tell the difference between no route and no host', () => {
    const { world, c, client } = two();
    const fd = c.socket(Family.inet, stream, 0);
    expect(c.connect(fd, to('203.0.113.1', 81))).toBe(-Errno.ENETUNREACH);
    const silent = outcome(client, c.connect(fd, to('192.0.2.77', 81)));
    world.run();
    expect(silent.value).toBe(-Errno.ETIMEDOUT);
    expect(world.clock.now).toBe(131_000_000);
  });

  test('connect without blocking as Linux does: EINPROGRESS, EALREADY, 0, EISCONN', () => {
    const it = two();
    const { world, c } = it;
    listening(it);
    const fd = c.socket(Family.inet, stream | 0x800, 0);
    const address = to('192.0.2.2', 80);
    expect(c.connect(fd, address)).toBe(-Errno.EINPROGRESS);
    expect(c.connect(fd, address)).toBe(-Errno.EALREADY);
    expect(c.receive(fd, new Uint8Array(1))).toBe(-Errno.EAGAIN);
    world.run(1000);
    expect(c.connect(fd, address)).toBe(0);
    expect(c.connect(fd, address)).toBe(-Errno.EISCONN);
  });
});

test('a packet from outside with a loopback address is not let in', () => {
  const it = two({});
  const { world, server, packets } = it;
  listening(it);
  for (const [source, destination] of [
    ['127.0.0.1', '192.0.2.2'],
    ['192.0.2.1', '127.0.0.1'],
    ['::1', '::1'],
  ].map((pair) => pair.map(parseAddress))) {
    const syn = {
      sourcePort: 1,
      destinationPort: 80,
      seq: 1,
      ack: 0,
      flags: Flag.syn,
      window: 1,
      urgent: 0,
      options: [],
    };
    const payload = encodeTcp({ ...syn, payload: new Uint8Array(0) }, source!, destination!);
    const packet = ipPacket({ source: source!, destination: destination!, protocol: protocolTcp, payload });
    world.send('wire', 'client', encodeIp(packet));
  }
  expect(packets.filter((text) => text.startsWith('server'))).toEqual([]);
  expect(server.tcp.counters.InSegs).toBe(0);
});

describe('one host with itself', () => {
  test('connects over the loopback', () => {
    const it = two();
    const { world, s, server } = it;
    listening(it);
    const fd = s.socket(Family.inet, stream, 0);
    const connected = outcome(server, s.connect(fd, to('127.0.0.1', 80)));
    world.run(10);
    expect(connected.value).toBe(0);
    expect(world.clock.now).toBe(10);
  });

  test('connects a socket to itself if the port is its own', () => {
    const { world, c, client, packets } = two();
    const fd = c.socket(Family.inet, stream, 0);
    expect(c.bind(fd, to('127.0.0.1', 50000))).toBe(0);
    const connected = outcome(client, c.connect(fd, to('127.0.0.1', 50000)));
    world.run(10);
    expect(connected.value).toBe(0);
    expect(packets.map((text) => text.replace(/Seq=.*/, ''))).toEqual([
      'client [SYN] ',
      'client [SYN, ACK] ',
      'client [ACK] ',
    ]);
    const socket = c.socketOf(fd);
    if (typeof socket === 'number') throw new Error('no socket');
    expect(socket.remote).toEqual(socket.local);
    // What it writes it reads itself.
    expect(c.send(fd, Uint8Array.of(1, 2, 3))).toBe(3);
    world.run(20);
    expect(c.receive(fd, new Uint8Array(9))).toBe(3);
  });
});
