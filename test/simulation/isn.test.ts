/** Why an initial sequence number may not be constant: two attacks that work then, and fail with the real generator. */
import { describe, expect, test } from 'vitest';
import { type HostOptions, OpenFlag, Socket } from '../../src/host/index.ts';
import { addHost, pair, World } from '../../src/sim/index.ts';
import { Errno } from '../../src/tcp/errno.ts';
import { parseAddress } from '../../src/wire/address.ts';
import { encodeIp, ipPacket } from '../../src/wire/ip.ts';
import { encodeTcp, Flag, protocolTcp } from '../../src/wire/tcp.ts';

type Isn = NonNullable<HostOptions['isn']>;
const constant: Isn = { kind: 'constant', value: 1_000_000 };
const any = parseAddress('0.0.0.0');

const accepted = (listener: Socket): Socket | null => {
  const child = listener.accept(OpenFlag.nonBlock);
  return child instanceof Socket ? child : null;
};

const received = (socket: Socket): string | number => {
  const into = new Uint8Array(100);
  const n = socket.receive(into, 0);
  return typeof n === 'number' && n > 0 ? new TextDecoder().decode(into.subarray(0, n)) : (n as number);
};

describe('an attacker off the path, who sees no answer', () => {
  /** Forges a connection from a host that is down; what the server's application reads in the end. */
  function forge(isn: Isn): string | number | null {
    const world = new World({ seed: 1 });
    const server = addHost(world, 'server', {
      interfaces: [{ addresses: ['192.0.2.2/24'] }, { addresses: ['198.51.100.2/24'] }],
      isn,
    });
    addHost(world, 'trusted', { interfaces: [{ addresses: ['192.0.2.1/24'] }] });
    addHost(world, 'attacker', { interfaces: [{ addresses: ['198.51.100.66/24'] }] });
    world.link('inside', 'trusted', 'server', { loss: 1 });
    world.link('outside', 'attacker', 'server', { delayUs: 20_000 });
    const listener = server.socket(4, OpenFlag.nonBlock);
    listener.bind(any, 513);
    listener.listen(5);
    const [source, destination] = [parseAddress('192.0.2.1'), parseAddress('192.0.2.2')];
    const send = (flags: number, seq: number, ack: number, text = ''): void => {
      const segment = {
        sourcePort: 1023,
        destinationPort: 513,
        seq,
        ack,
        flags,
        window: 65535,
        urgent: 0,
        options: [],
      };
      const payload = encodeTcp({ ...segment, payload: new TextEncoder().encode(text) }, source, destination);
      world.send(
        'outside',
        'attacker',
        encodeIp(ipPacket({ source, destination, protocol: protocolTcp, payload })),
      );
    };
    send(Flag.syn, 5000, 0);
    world.run(100_000);
    // The SYN+ACK went to the trusted host; the attacker has to guess its sequence number.
    send(Flag.ack, 5001, 1_000_001);
    send(Flag.ack | Flag.psh, 5001, 1_000_001, 'echo + + >>/.rhosts');
    world.run(200_000);
    const child = accepted(listener);
    return child === null ? null : received(child);
  }

  test('opens a connection in a trusted host’s name if the ISN is constant', () => {
    expect(forge(constant)).toBe('echo + + >>/.rhosts');
  });

  test.each(['siphash', 'md5'] as const)('gets nowhere with %s', (isn) => {
    expect(forge(isn)).toBeNull();
  });
});

describe('an old duplicate of an earlier connection with the same four-tuple', () => {
  /** Two connections from one port; a segment of the first arrives during the second. What the second's server reads. */
  function reconnect(isn: Isn): string {
    const options = { isn, sysctls: { 'net.ipv4.tcp_timestamps': 0 } };
    const { world, client, server } = pair({
      client: options,
      server: options,
      conditions: { delayUs: 1000 },
      // The client's third packet is its first data: it wanders about for 5 s.
      interventions: [{ link: 'wire', from: 'client', n: 3, action: 'delay', us: 5_000_000 }],
    });
    const listener = server.socket(4, OpenFlag.nonBlock);
    listener.bind(any, 80);
    listener.listen(5);
    const connect = (): Socket => {
      const socket = client.socket(4, OpenFlag.nonBlock);
      socket.conn.setOption('reuse', true);
      socket.conn.setOption('linger', 0);
      socket.bind(any, 40000);
      expect(socket.connect(parseAddress('192.0.2.2'), 80)).toBe(-Errno.EINPROGRESS);
      world.run(world.clock.now + 10_000);
      return socket;
    };
    const first = connect();
    first.send(new TextEncoder().encode('PAY 100 TO BOB. '), 0);
    world.run(20_000);
    first.release();
    world.run(1_000_000);
    expect(received(accepted(listener)!)).toBe(-Errno.ECONNRESET);
    const second = connect();
    const child = accepted(listener)!;
    // The second connection is idle when the duplicate comes.
    world.run(6_000_000);
    second.send(new TextEncoder().encode('hello, what is new?'), 0);
    world.run(12_000_000);
    return String(received(child));
  }

  test('is taken for new data if the ISN is constant', () => {
    expect(reconnect(constant)).toMatch(/^PAY 100 TO BOB\. /);
  });

  test.each(['siphash', 'md5'] as const)('is recognized with %s', (isn) => {
    expect(reconnect(isn)).toBe('hello, what is new?');
  });
});

test('two that open at once become one connection; each answers the other’s SYN+ACK with an ACK that carries D-SACK 0:1', () => {
  const { world, client, server, events } = pair({ conditions: { delayUs: 10_000 } });
  const sockets = [
    [client, '192.0.2.2'],
    [server, '192.0.2.1'],
  ] as const;
  const [a, b] = sockets.map(([host, peer]) => {
    const socket = host.socket(4, OpenFlag.nonBlock);
    socket.bind(any, 7000);
    socket.connect(parseAddress(peer), 7000);
    return socket;
  });
  world.run(1_000_000);
  expect(a!.takeError() + b!.takeError()).toBe(0);
  expect(a!.remote!.port).toBe(7000);
  expect(events.filter(({ kind }) => kind === 'sent').length).toBe(6);
  for (const node of ['client', 'server']) {
    const states = events.flatMap((event) =>
      event.kind === 'tcp' && event.node === node && event.event.kind === 'state' ? [event.event.to] : [],
    );
    expect(states).toEqual(['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED']);
  }
  expect(a!.send(new Uint8Array(5), 0)).toBe(5);
  world.run(2_000_000);
  expect(b!.receive(new Uint8Array(10), 0)).toBe(5);
});
