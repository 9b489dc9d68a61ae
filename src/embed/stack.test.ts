import { describe, expect, test } from 'vitest';
import { dial } from '../host/index.ts';
import { parseAddress } from '../wire/address.ts';
import type { ConnectionHandlers, StackConnection } from './connection.ts';
import type { StackError } from './errors.ts';
import type { StackOptions } from './options.ts';
import { Stack } from './stack.ts';
import { connect, listen } from './streams.ts';
import { VirtualTime } from './virtual-time.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (string: string): Uint8Array => new TextEncoder().encode(string);

interface Two {
  time: VirtualTime;
  client: Stack;
  server: Stack;
}

/** Two stacks whose packets reach each other at once, within the call that sends them. */
function two(extra: Partial<StackOptions> = {}): Two {
  const time = new VirtualTime();
  let state = 7;
  const random = (): number => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return state >>> 0;
  };
  const make = (n: number, transmit: (packet: Uint8Array) => void): Stack =>
    new Stack({ addresses: [`192.0.2.${n}/24`], clock: time, random, transmit, ...extra });
  const client: Stack = make(1, (packet) => server.receive(packet));
  const server: Stack = make(2, (packet) => client.receive(packet));
  return { time, client, server };
}

/** Handlers that write down what they are told. */
function recorder(log: string[], more: ConnectionHandlers = {}): ConnectionHandlers {
  return {
    connected: (it) => {
      log.push('connected');
      more.connected?.(it);
    },
    data: (data, it) => {
      log.push(`data ${text(data)}`);
      more.data?.(data, it);
    },
    ended: (it) => {
      log.push('ended');
      more.ended?.(it);
    },
    closed: (error, it) => {
      log.push(`closed ${(error as StackError | null)?.code ?? 'well'}`);
      more.closed?.(error, it);
    },
  };
}

describe('two embedded stacks', () => {
  test('connect, talk, and close, each step told in order and once', () => {
    const { time, client, server } = two();
    const [c, s]: [string[], string[]] = [[], []];
    server.listen({ port: 80 }, (connection) => {
      s.push(`from ${connection.remote!.address}`);
      return recorder(s, {
        data: (data, it) => void it.write(bytes(text(data).toUpperCase())),
        ended: (it) => it.end(),
      });
    });
    client.connect(
      { address: '192.0.2.2', port: 80 },
      recorder(c, {
        connected: (it) => void it.write(bytes('hello')),
        data: (_, it) => it.end(),
      }),
    );
    expect(c).toEqual([]);
    time.advance(100_000_000);
    expect(c).toEqual(['connected', 'data HELLO', 'ended', 'closed well']);
    expect(s).toEqual(['from 192.0.2.1', 'data hello', 'ended', 'closed well']);
    expect(client.host.tcp.table.size).toBe(0);
  });

  test('settle every attempt: refused, without a route, timed out, reset', () => {
    const { time, client, server } = two();
    const ends: string[] = [];
    const attempt = (address: string, port: number, more: ConnectionHandlers = {}): StackConnection =>
      client.connect(
        { address, port },
        { ...more, closed: (error) => ends.push(`${address} ${error?.code}`) },
      );
    attempt('192.0.2.2', 81);
    expect(ends).toEqual([]);
    attempt('203.0.113.1', 80);
    attempt('192.0.2.99', 80);
    server.listen({ port: 80 }, (connection) => {
      connection.reset();
      return {};
    });
    attempt('192.0.2.2', 80);
    time.advance(200_000_000);
    expect(ends.sort()).toEqual([
      '192.0.2.2 ECONNREFUSED',
      '192.0.2.2 ECONNRESET',
      '192.0.2.99 ETIMEDOUT',
      '203.0.113.1 ENETUNREACH',
    ]);
  });

  test('settle 32 attempts at once', () => {
    const { time, client, server } = two();
    let [opened, refused] = [0, 0];
    server.listen({ port: 80 }, () => ({}));
    for (let i = 0; i < 32; i++)
      client.connect(
        { address: '192.0.2.2', port: i % 2 === 0 ? 80 : 81 },
        { connected: () => opened++, closed: () => refused++ },
      );
    time.advance(1_000_000);
    expect([opened, refused]).toEqual([16, 16]);
  });

  test('carry megabytes with write and drained, whatever the sizes, and keep no view of the caller’s buffer', () => {
    const { time, client, server } = two();
    const total = 3_000_000;
    let received = 0;
    let wrong = 0;
    server.listen({ port: 80 }, () => ({
      data: (data) => {
        for (const byte of data) if (byte !== received++ % 251) wrong++;
      },
    }));
    let sent = 0;
    const buffer = new Uint8Array(70_001);
    const pump = (it: StackConnection): void => {
      while (sent < total) {
        const n = Math.min(buffer.length, total - sent);
        for (let i = 0; i < n; i++) buffer[i] = (sent + i) % 251;
        const taken = it.write(buffer.subarray(0, n));
        buffer.fill(255);
        sent += taken;
        if (taken < n) return;
      }
      it.end();
    };
    client.connect({ address: '192.0.2.2', port: 80 }, { connected: pump, drained: pump });
    time.advance(600_000_000);
    expect([received, wrong]).toEqual([total, 0]);
  });

  test('hold back a sender whose receiver pauses, and let it go on', () => {
    const { time, client, server } = two();
    let received = 0;
    let inside: StackConnection | null = null;
    server.listen({ port: 80 }, (connection) => {
      inside = connection;
      connection.pause();
      return { data: (data) => (received += data.length) };
    });
    let sent = 0;
    const fill = (it: StackConnection): void => {
      for (let n = 1; n > 0; ) {
        n = it.write(new Uint8Array(10_000));
        sent += n;
        if (sent >= 10_000_000) return;
      }
    };
    client.connect({ address: '192.0.2.2', port: 80 }, { connected: fill, drained: fill });
    time.advance(5_000_000);
    expect(received).toBe(0);
    const before = sent;
    expect(before).toBeLessThan(10_000_000);
    inside!.resume();
    time.advance(400_000_000);
    expect(sent).toBeGreaterThan(before);
    expect(received).toBe(sent);
  });

  test('send the FIN of an end() that came before the handshake was complete', () => {
    const { time, client, server } = two();
    const [c, s]: [string[], string[]] = [[], []];
    let accepted = 0;
    server.listen({ port: 80 }, () => {
      accepted++;
      return recorder(s, { ended: (it) => it.end() });
    });
    const connection = client.connect({ address: '192.0.2.2', port: 80 }, recorder(c));
    connection.end();
    connection.end();
    expect(() => connection.write(bytes('late'))).toThrow('(end was called)');
    time.advance(100_000_000);
    expect(c).toEqual(['connected', 'ended', 'closed well']);
    expect(s).toEqual(['ended', 'closed well']);
    expect(accepted).toBe(1);
    expect(client.host.tcp.counters.ActiveOpens).toBe(1);
  });

  test('tell of the end of a connection that accept resets itself', () => {
    const { time, client, server } = two();
    const log: string[] = [];
    server.listen({ port: 80 }, (connection) => {
      connection.reset();
      return recorder(log);
    });
    client.connect({ address: '192.0.2.2', port: 80 }, {});
    time.advance(1_000_000);
    expect(log).toEqual(['closed well']);
  });

  test('refuse calls after close', () => {
    const { client } = two();
    client.close();
    expect(() => client.connect({ address: '192.0.2.2', port: 80 }, {})).toThrow(
      'connect EBADF (the stack is closed)',
    );
    expect(() => client.listen({ port: 80 }, () => ({}))).toThrow('listen EBADF (the stack is closed)');
  });

  test.each([-1, 65_536, 80.5, Number.NaN])('refuse %d as a port', (port) => {
    const { client } = two();
    expect(() => client.connect({ address: '192.0.2.2', port }, {})).toThrow(
      `connect EINVAL (the port must be an integer from 1 to 65535, not ${port})`,
    );
    expect(() => client.listen({ port }, () => ({}))).toThrow(
      `listen EINVAL (the port must be an integer from 0 to 65535, not ${port})`,
    );
    const to = parseAddress('192.0.2.2');
    expect(() => dial(client.host, to, port, {}, () => {})).toThrow(RangeError);
    expect(() => dial(client.host, to, 80, { localPort: port }, () => {})).toThrow(
      `localPort must be an integer from 0 to 65535, not ${port}`,
    );
  });

  test('say what was misused', () => {
    const { time, client, server } = two();
    server.listen({ port: 80 }, () => ({}));
    expect(() => server.listen({ port: 80 }, () => ({}))).toThrow('listen EADDRINUSE 0.0.0.0:80');
    expect(() => client.connect({ address: '192.0.2.2', port: 0 }, {})).toThrow('from 1 to 65535, not 0');
    expect(() => client.connect({ address: 'localhost', port: 80 }, {})).toThrow(
      "'localhost' is not an IPv4 or IPv6 address",
    );
    expect(() => new Stack({ addresses: ['1.2.3/8'], transmit: () => {} })).toThrow(
      "'1.2.3' is not an IPv4 or IPv6 address",
    );
    const connection = client.connect({ address: '192.0.2.2', port: 80 }, {});
    time.advance(1000);
    connection.reset();
    connection.reset();
    expect(() => connection.write(new Uint8Array(1))).toThrow('EPIPE');
  });

  test('ignore rubbish from the network', () => {
    const { client } = two();
    for (const packet of [
      new Uint8Array(0),
      new Uint8Array(3),
      new Uint8Array(60).fill(0x45),
      new Uint8Array(60).fill(0x60),
    ])
      expect(() => client.receive(packet)).not.toThrow();
  });
});

describe('a program that throws', () => {
  /** Connects once while `fails` throws, then again without; both outcomes. */
  const outcome = (where: 'transmit' | 'data' | 'connected' | 'accept'): string[] => {
    let armed = true;
    const fail = (at: string): void => {
      if (!armed || at !== where) return;
      armed = false;
      throw new Error(`${where} failed`);
    };
    const log: string[] = [];
    const time = new VirtualTime();
    // A packet takes 1 ms, so that an error meets only the stack it belongs to.
    const wire = (to: () => Stack) => (packet: Uint8Array) => {
      fail('transmit');
      time.setTimer(1000, () => to().receive(packet));
    };
    const client: Stack = new Stack({
      addresses: ['192.0.2.1/24'],
      clock: time,
      transmit: wire(() => server),
    });
    const server: Stack = new Stack({
      addresses: ['192.0.2.2/24'],
      clock: time,
      transmit: wire(() => client),
    });
    server.listen({ port: 80 }, (it) => {
      fail('accept');
      return {
        data: (data) => {
          log.push(`got ${text(data)}`);
          fail('data');
        },
        ended: () => it.end(),
      };
    });
    const attempt = (word: string): void => {
      client.connect(
        { address: '192.0.2.2', port: 80 },
        recorder(log, {
          connected: (it) => {
            it.write(bytes(word));
            it.end();
            fail('connected');
          },
        }),
      );
    };
    const trying = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        log.push((error as Error).message);
      }
    };
    trying(() => attempt('one'));
    for (let i = 0; i < 2; i++) trying(() => time.advance(100_000_000));
    attempt('two');
    time.advance(100_000_000);
    return log;
  };
  const second = ['connected', 'got two', 'ended', 'closed well'];

  test.each(['transmit', 'data', 'connected'] as const)(
    'in %s gets its error, and nothing else is lost',
    (where) => {
      const log = outcome(where);
      expect(log).toContain(`${where} failed`);
      const rest = log.filter((line) => line !== `${where} failed`);
      expect(rest).toEqual(['connected', 'got one', 'ended', 'closed well', ...second]);
    },
  );

  test('in accept gets its error, and the peer a reset', () => {
    expect(outcome('accept')).toEqual(['connected', 'accept failed', 'closed ECONNRESET', ...second]);
  });
});

describe('streams', () => {
  const settle = async (time: VirtualTime): Promise<void> => {
    for (let i = 0; i < 200; i++) {
      time.advance(50_000);
      await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  test('carry an echo, backpressure included', async () => {
    const { time, client, server } = two();
    listen(server, { port: 7 }, ({ readable, writable }) => void readable.pipeTo(writable));
    const opened = connect(client, { address: '192.0.2.2', port: 7 });
    time.advance(1000);
    const { readable, writable } = await opened;
    const size = 500_000;
    const echoed = (async () => {
      let n = 0;
      for await (const chunk of readable) n += chunk.length;
      return n;
    })();
    const writer = writable.getWriter();
    void writer.write(new Uint8Array(size));
    void writer.close();
    await settle(time);
    expect(await echoed).toBe(size);
  });

  test('reject what fails, and end quietly when cancelled', async () => {
    const { time, client, server } = two();
    const refused = connect(client, { address: '192.0.2.2', port: 9 });
    time.advance(1000);
    await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const ends: string[] = [];
    listen(server, { port: 7 }, ({ readable }) => {
      readable.pipeTo(new WritableStream()).catch((error: StackError) => ends.push(error.code));
    });
    const opened = connect(client, { address: '192.0.2.2', port: 7 });
    time.advance(1000);
    await (await opened).readable.cancel();
    await settle(time);
    expect(ends).toEqual(['ECONNRESET']);
  });

  test('take the rejection of a handler whose peer resets, and reset the peer of one that gives up', async () => {
    const { time, client, server } = two();
    // An unhandled rejection fails the run.
    listen(server, { port: 7 }, ({ readable, writable }) => readable.pipeTo(writable));
    const opened = connect(client, { address: '192.0.2.2', port: 7 });
    time.advance(1000);
    (await opened).connection.reset();
    await settle(time);
    const log: string[] = [];
    listen(server, { port: 8 }, async ({ connection }) => {
      connection.end();
      connection.write(bytes('too late'));
    });
    client.connect({ address: '192.0.2.2', port: 8 }, recorder(log));
    await settle(time);
    // What Linux calls a reset in CLOSE-WAIT (tcp_reset, 6.18).
    expect(log).toEqual(['connected', 'ended', 'closed EPIPE']);
  });
});
