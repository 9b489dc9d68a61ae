import { afterEach, describe, expect, test } from 'vitest';
import { HalfopenError } from '../wire/errors.ts';
import type { StackConnection } from './connection.ts';
import { StackError } from './errors.ts';
import type { StackOptions } from './options.ts';
import { Stack } from './stack.ts';
import { connect, listen } from './streams.ts';
import { VirtualTime } from './virtual-time.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (string: string): Uint8Array => new TextEncoder().encode(string);
const there = { address: '192.0.2.2', port: 7 };

interface Two {
  clock: VirtualTime;
  client: Stack;
  server: Stack;
}

/** Two stacks; packets take 100 µs. */
function two(more: Partial<StackOptions> = {}): Two {
  const clock = new VirtualTime();
  const make = (n: number, other: () => Stack): Stack =>
    new Stack({
      addresses: [`192.0.2.${n}/24`],
      clock,
      transmit: (packet) => void clock.setTimer(100, () => other().receive(packet)),
      ...more,
    });
  const client: Stack = make(1, () => server);
  const server: Stack = make(2, () => client);
  return { clock, client, server };
}

describe('what had arrived before a reset', () => {
  test('is read after a pause, then the error comes', () => {
    const { clock, client, server } = two();
    const seen: unknown[] = [];
    let mine: StackConnection | null = null;
    server.listen({ port: 7 }, (connection) => {
      mine = connection;
      connection.pause();
      return { data: (data) => seen.push(data.length), closed: (error) => seen.push(error?.code) };
    });
    client.connect(there, {
      connected: (it) => {
        it.write(new Uint8Array(100));
        clock.setTimer(50_000, () => it.reset());
      },
    });
    clock.advance(1e6);
    expect(seen).toEqual([]);
    expect(mine!.info()).toMatchObject({ state: 'CLOSED', unread: 100 });
    expect(() => mine!.write(bytes('late'))).toThrow('write ECONNRESET 192.0.2.1:');
    mine!.resume();
    clock.advance(1e6);
    expect(seen).toEqual([100, 'ECONNRESET']);
  });

  test('is told at once if nothing is left to read, paused or not', () => {
    const { clock, client, server } = two();
    const seen: unknown[] = [];
    server.listen({ port: 7 }, (connection) => {
      connection.pause();
      return { closed: (error) => seen.push(error?.code) };
    });
    client.connect(there, { connected: (it) => it.reset() });
    clock.advance(1e6);
    expect(seen).toEqual(['ECONNRESET']);
  });

  test('comes out of the stream before its error, however slowly it is read', async () => {
    const { clock, client, server } = two();
    const sent = 150_000;
    let got = 0;
    const reading = new Promise<string>((resolve) => {
      listen(server, { port: 7 }, async ({ readable }) => {
        await new Promise((later) => setTimeout(later, 30));
        try {
          for await (const chunk of readable) got += chunk.length;
          resolve('ended');
        } catch (error) {
          resolve((error as StackError).code);
        }
      });
    });
    let written = 0;
    const write = (it: StackConnection): void => {
      while (written < sent) {
        const n = it.write(new Uint8Array(Math.min(sent - written, 10_000)));
        if (n === 0) return;
        written += n;
      }
    };
    const it = client.connect(there, { connected: write, drained: write });
    clock.advance(5e6);
    // The SYN counts as one, as in Linux.
    const { bytesAcknowledged } = it.info();
    expect(bytesAcknowledged).toBeGreaterThan(65_536);
    it.reset();
    clock.advance(1e6);
    await new Promise((later) => setTimeout(later, 50));
    clock.advance(1e6);
    const outcome = await Promise.race([reading, ticking(clock)]);
    expect({ outcome, got }).toEqual({ outcome: 'ECONNRESET', got: bytesAcknowledged - 1 });
  });
});

/** Moves the clock until whoever waits for it is done. */
async function ticking(clock: VirtualTime): Promise<never> {
  for (let n = 0; n < 1000; n++) {
    clock.advance(1e4);
    await new Promise((later) => setTimeout(later, 1));
  }
  throw new Error('it does not end');
}

test('a connection that is over keeps its endpoints', () => {
  const { clock, client, server } = two();
  const seen: unknown[] = [];
  server.listen({ port: 7 }, () => ({
    closed: (error, it) => seen.push([error?.code, it.remote?.address, it.local]),
  }));
  const it = client.connect(there, { connected: (it) => it.reset() });
  const port = it.local.port;
  expect(it.remote).toBe(null);
  clock.advance(1e6);
  expect(seen).toEqual([['ECONNRESET', '192.0.2.1', there]]);
  expect([it.local, it.remote]).toEqual([{ address: '192.0.2.1', port }, there]);
});

test('an idle connection takes a few KB: the buffer for reading is the stack’s', () => {
  const { clock, client, server } = two({ sysctls: { 'net.ipv4.ip_local_port_range': '1024 65535' } });
  const kept: StackConnection[] = [];
  server.listen({ port: 7 }, (connection) => {
    kept.push(connection);
    return {};
  });
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 500; n++) kept.push(client.connect(there, {}));
  clock.advance(1e6);
  expect(kept).toHaveLength(1000);
  expect((process.memoryUsage().arrayBuffers - before) / kept.length).toBeLessThan(4096);
});

describe('errors', () => {
  test('have the form of Node’s, and one base', () => {
    const { clock, client } = two();
    let error: StackError | null = null;
    client.connect(there, {
      closed: (it) => {
        error = it;
      },
    });
    clock.advance(1e6);
    expect(error).toBeInstanceOf(HalfopenError);
    expect({ ...error! }).toEqual({
      name: 'StackError',
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '192.0.2.2',
      port: 7,
    });
    expect(error!.message).toBe('connect ECONNREFUSED 192.0.2.2:7');
    expect(new StackError(111, 'connect', { address: '::1', port: 7 }).message).toBe(
      'connect ECONNREFUSED [::1]:7',
    );
  });
});

describe('connect', () => {
  test('ends with ETIMEDOUT at its own time-out, and not once it is connected', () => {
    const { clock, client, server } = two({ sysctls: { 'net.ipv4.tcp_syn_retries': 1 } });
    const seen: unknown[] = [];
    const silent = { address: '192.0.2.9', port: 7 };
    client.connect(
      silent,
      { closed: (error) => seen.push([error!.code, error!.address, clock.now()]) },
      { timeoutUs: 250_000 },
    );
    server.listen({ port: 7 }, () => ({}));
    const stays = client.connect(there, { closed: (error) => seen.push(error) }, { timeoutUs: 250_000 });
    clock.advance(60e6);
    expect(seen).toEqual([['ETIMEDOUT', '192.0.2.9', 250_000]]);
    expect(stays.info().state).toBe('ESTABLISHED');
    expect(() => client.connect(there, {}, { timeoutUs: 0 })).toThrow(
      'timeoutUs must be a number of µs above 0',
    );
  });

  test('is given up by an AbortSignal, before and after it stands', () => {
    const { clock, client, server } = two();
    const seen: unknown[] = [];
    server.listen({ port: 7 }, () => ({ closed: (error) => seen.push(error?.code ?? null) }));
    for (const us of [50, 1e6]) {
      const controller = new AbortController();
      client.connect(
        there,
        { closed: (error) => seen.push([error!.code, error!.cause]) },
        { signal: controller.signal },
      );
      clock.advance(us);
      controller.abort('enough');
      clock.advance(1e6);
    }
    expect(seen).toEqual([['ECONNABORTED', 'enough'], ['ECONNABORTED', 'enough'], 'ECONNRESET']);
    expect(() => client.connect(there, {}, { signal: AbortSignal.abort('before') })).toThrow('before');
  });

  test('takes a local address and port, and says through `closed` if they are not to be had', () => {
    const { clock, client, server } = two();
    const seen: unknown[] = [];
    server.listen({ port: 7 }, (connection) => {
      seen.push(connection.remote);
      return {};
    });
    const mine = { localAddress: '192.0.2.1', localPort: 4444 };
    client.connect(there, {}, mine);
    client.connect(there, { closed: (error) => seen.push(error!.code) }, mine);
    client.connect(there, { closed: (error) => seen.push(error!.code) }, { localAddress: '192.0.2.77' });
    clock.advance(1e6);
    expect(seen).toEqual(['EADDRINUSE', 'EADDRNOTAVAIL', { address: '192.0.2.1', port: 4444 }]);
    expect(() => client.connect(there, {}, { localPort: 70_000 })).toThrow('localPort must be an integer');
  });

  test('noDelay sends a second small write without waiting, keepAlive asks a silent peer', () => {
    const sentBy = (options: object, us: number): number => {
      const { clock, client, server } = two();
      server.listen({ port: 7 }, () => ({}));
      const it = client.connect(there, {}, options);
      clock.advance(1000);
      it.write(bytes('a'));
      it.write(bytes('b'));
      clock.advance(us);
      return it.info().segmentsSent;
    };
    expect(sentBy({ noDelay: true }, 0) - sentBy({}, 0)).toBe(1);
    // One probe after 10 s; the next would come 75 s later.
    expect(sentBy({ keepAlive: 10 }, 60e6) - sentBy({}, 60e6)).toBe(1);
    const { client, server } = two();
    server.listen({ port: 7 }, () => ({}));
    expect(() => client.connect(there, {}).setKeepAlive(true, 0)).toThrow('idleSeconds must be an integer');
  });
});

describe('the end', () => {
  test('is told when the peer has acknowledged everything, and reading goes on', () => {
    const { clock, client, server } = two();
    const seen: string[] = [];
    let peer: StackConnection | null = null;
    server.listen({ port: 7 }, (connection) => {
      peer = connection;
      return { ended: () => seen.push('peer ended') };
    });
    client.connect(there, {
      connected: (it) => {
        it.write(bytes('all of it'));
        it.end();
      },
      sent: (it) => seen.push(`sent, ${it.info().state}`),
      data: (data) => seen.push(text(data)),
      closed: (error) => seen.push(`closed ${error?.code ?? 'well'}`),
    });
    clock.advance(1e6);
    expect(seen).toEqual(['peer ended', 'sent, FIN-WAIT-2']);
    peer!.write(bytes('answer'));
    peer!.end();
    clock.advance(1e6);
    expect(seen.slice(2)).toEqual(['answer', 'closed well']);
  });

  test('is not said to be sent if the connection fails before', () => {
    const { clock, client, server } = two();
    const seen: string[] = [];
    server.listen({ port: 7 }, (connection) => {
      clock.setTimer(0, () => connection.reset());
      return {};
    });
    client.connect(there, {
      connected: (it) => {
        it.write(new Uint8Array(10));
        it.end();
      },
      sent: () => seen.push('sent'),
      closed: (error) => seen.push(error?.code ?? 'well'),
    });
    clock.advance(5e6);
    expect(seen).toEqual(['ECONNRESET']);
  });
});

describe('a listener', () => {
  test('keeps connections in its backlog while it is paused', () => {
    const { clock, client, server } = two();
    let n = 0;
    const listener = server.listen({ port: 7 }, () => {
      n++;
      return {};
    });
    listener.pause();
    client.connect(there, {});
    clock.advance(1e6);
    expect(n).toBe(0);
    listener.resume();
    clock.advance(1);
    expect(n).toBe(1);
  });

  test('takes no more than maxConnections at a time', () => {
    const { clock, client, server } = two({ maxConnections: 2 });
    const accepted: StackConnection[] = [];
    server.listen({ port: 7 }, (connection) => {
      accepted.push(connection);
      return { ended: (it) => it.end() };
    });
    const mine = [1, 2, 3].map(() => client.connect(there, { ended: (it) => it.end() }));
    clock.advance(1e6);
    expect(accepted).toHaveLength(2);
    mine[0]!.end();
    clock.advance(1e6);
    expect(accepted).toHaveLength(3);
    expect(() => two({ maxConnections: 0 })).toThrow('maxConnections must be an integer from 1');
  });

  test('stops at an AbortSignal', () => {
    const { clock, client, server } = two();
    const seen: unknown[] = [];
    const controller = new AbortController();
    server.listen({ port: 7, signal: controller.signal }, () => ({}));
    controller.abort();
    client.connect(there, { closed: (error) => seen.push(error!.code) });
    clock.advance(1e6);
    expect(seen).toEqual(['ECONNREFUSED']);
  });
});

describe('streams', () => {
  /** Two stacks on the real clock. */
  function real(): { client: Stack; server: Stack } {
    const make = (n: number, other: () => Stack): Stack =>
      new Stack({
        addresses: [`192.0.2.${n}/24`],
        transmit: (packet) => queueMicrotask(() => other().receive(packet)),
      });
    const client: Stack = make(1, () => server);
    const server: Stack = make(2, () => client);
    opened.push(client, server);
    return { client, server };
  }
  const opened: Stack[] = [];
  afterEach(() => {
    for (const stack of opened.splice(0)) stack.close();
  });

  test('for await over a listener takes one connection at a time, and ends when it is closed', async () => {
    const { client, server } = real();
    const listener = listen(server, { port: 7 });
    expect(listener).toMatchObject({ address: '0.0.0.0', port: 7 });
    const serving = (async () => {
      let n = 0;
      for await (const { readable, writable } of listener) {
        await readable.pipeTo(writable);
        if (++n === 3) listener.close();
      }
      return n;
    })();
    const answers = await Promise.all(
      ['a', 'b', 'c'].map(async (word) => {
        const { readable, writable } = await connect(client, there);
        const writer = writable.getWriter();
        await writer.write(bytes(word));
        await writer.close();
        let answer = '';
        for await (const chunk of readable) answer += text(chunk);
        return answer;
      }),
    );
    expect(answers).toEqual(['a', 'b', 'c']);
    expect(await serving).toBe(3);
  });

  test('closing a writable waits until the peer has all of it', async () => {
    const { client, server } = real();
    let got = 0;
    listen(server, { port: 7 }, async ({ readable, writable }) => {
      for await (const chunk of readable) got += chunk.length;
      await writable.close();
    });
    const connection = await connect(client, there);
    const writer = connection.writable.getWriter();
    await writer.write(new Uint8Array(300_000));
    await writer.close();
    expect(connection.connection.info().unacknowledged).toBe(0);
    await connection.closed;
    expect(got).toBe(300_000);
  });

  test('connect rejects with the signal’s reason; dispose ends from both sides', async () => {
    const { client, server } = real();
    const nobody = { address: '192.0.2.2', port: 8 };
    await expect(connect(client, nobody)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const controller = new AbortController();
    const attempt = connect(client, { address: '192.0.2.99', port: 7 }, { signal: controller.signal });
    controller.abort(new Error('no time'));
    await expect(attempt).rejects.toThrow('no time');
    listen(server, { port: 7 }, async (connection) => {
      await connection[Symbol.asyncDispose]();
    });
    const connection = await connect(client, there);
    await connection[Symbol.asyncDispose]();
    expect(connection.connection.info().state).toBe('CLOSED');
    await server[Symbol.asyncDispose]();
    expect(() => server.listen({ port: 9 }, () => ({}))).toThrow('EBADF');
  });
});

test('an error that the network caused has no stack trace, and the limit of the program stays', () => {
  const { clock, client } = two();
  const limit = Reflect.get(Error, 'stackTraceLimit');
  let error: StackError | null = null;
  client.connect(there, { closed: (it) => (error = it) });
  clock.advance(1e6);
  expect(error!).toMatchObject({ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 192.0.2.2:7' });
  expect(error!.stack).not.toMatch(/\bat /);
  expect(Reflect.get(Error, 'stackTraceLimit')).toBe(limit);
  expect(new Error('own').stack).toMatch(/\bat /);
});
