import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../wire/address.ts';
import { encodeIp, ipPacket } from '../../wire/ip.ts';
import type { TcpOption } from '../../wire/options.ts';
import { explainAll, Film, Talk } from '../testing.ts';
import { briefOf } from './brief.ts';
import { dialsOf, dialText } from './dials.ts';
import { oneSignsOf, oneSignsText, proxiesOf, proxyText, unaskedOf, unaskedText } from './proxies.ts';

const V6 = { client: '2001:db8::1', server: '2001:db8::443', serverPort: 443 };
const V4 = { client: '192.0.2.1', server: '198.51.100.3', serverPort: 443, clientPort: 40001 };

/** A DNS answer to the client: an alias, and then its addresses. */
function dns(made: Film, ms: number, name: string, addresses: readonly string[]): void {
  const label = (text: string): number[] => [
    ...text.split('.').flatMap((part) => [part.length, ...Buffer.from(part)]),
    0,
  ];
  const records = addresses.map((text) => {
    const { family, w0, w1, w2, w3 } = parseAddress(text);
    const words = family === 4 ? [w3] : [w0, w1, w2, w3];
    const data = words.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
    return [0xc0, 12, 0, data.length === 4 ? 1 : 28, 0, 1, 0, 0, 0, 60, 0, data.length, ...data];
  });
  const alias = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, ...[label('x.example').length], ...label('x.example')];
  const message = [
    0,
    1,
    0x81,
    0x80,
    0,
    1,
    0,
    records.length + 1,
    0,
    0,
    0,
    0,
    ...label(name),
    0,
    1,
    0,
    1,
    ...alias,
    ...records.flat(),
  ];
  const payload = Uint8Array.from([0, 53, 0x9c, 0x40, 0, message.length + 8, 0, 0, ...message]);
  const [source, destination] = [parseAddress('192.0.2.53'), parseAddress('192.0.2.1')];
  made.add(ms, encodeIp(ipPacket({ source, destination, protocol: 17, payload })));
}

function told(made: Film): { dials: string[]; proxies: string[]; unasked: string[]; signs: string[] } {
  const { attempts, summary } = explainAll(made);
  const briefs = attempts.map(briefOf);
  return {
    dials: dialsOf(briefs, summary.names).map(dialText),
    proxies: proxiesOf(briefs).map(proxyText),
    unasked: unaskedOf(briefs).map(unaskedText),
    signs: oneSignsOf(briefs).map(oneSignsText),
  };
}

describe('one dial of a name', () => {
  const dialled = (second: number, name = 'Web.Example', answered = false): Film => {
    const made = new Film();
    dns(made, 0, name, [V6.server, V4.server]);
    const six = new Talk(made, V6);
    six.c(10, 'S');
    if (answered) {
      six.s(30, 'SA');
      six.c(30.1, 'A');
    }
    new Talk(made, V4).shake(second);
    return made;
  };

  test('that tries IPv6 and then IPv4 is told as one, with what the program waited', () => {
    const [text, ...more] = told(dialled(260)).dials;
    expect(more).toEqual([]);
    expect(text).toContain('One dial of web.example');
    expect(text).toContain('[2001:db8::443]:443 (#1), which did not answer');
    expect(text).toContain('250 ms later 198.51.100.3:443 (#2), which connected');
    expect(text).toContain('the program waited 270 ms in all');
  });

  test('is not made of connections that have nothing to do with each other', () => {
    expect(told(dialled(9000)).dials).toEqual([]);
    expect(told(dialled(260, 'web.example', true)).dials).toEqual([]);
    const unnamed = new Film();
    new Talk(unnamed, V6).c(10, 'S');
    new Talk(unnamed, V4).shake(260);
    expect(told(unnamed).dials).toEqual([]);
  });

  test('goes on for several addresses, each when the one before was refused', () => {
    const made = new Film();
    dns(made, 0, 'db.example', ['198.51.100.1', '198.51.100.2', '198.51.100.3']);
    for (const n of [1, 2]) {
      const talk = new Talk(made, { ...V4, server: `198.51.100.${n}`, clientPort: 40_000 + n });
      talk.c(n * 30, 'S');
      talk.s(n * 30 + 20, 'RA');
    }
    new Talk(made, { ...V4, clientPort: 40_009 }).shake(90);
    expect(told(made).dials).toHaveLength(1);
    expect(told(made).dials[0]).toContain('tried 3 of them');
  });
});

describe("a proxy's two legs", () => {
  const proxied = (late: number, bytes: number): Film => {
    const made = new Film();
    const front = new Talk(made, { client: '192.0.2.9', server: '192.0.2.1', serverPort: 80 }).shake();
    front.c(30, 'PA', { data: 300 });
    const back = new Talk(made, {
      client: '192.0.2.1',
      server: '10.0.0.5',
      serverPort: 8080,
      clientPort: 50_000,
    });
    back.shake(late, 1);
    back.c(late + 2, 'PA', { data: bytes });
    back.s(late + 20, 'PA', { data: 1200 });
    front.s(90, 'PA', { data: 1150 });
    front.close(100);
    back.close(101);
    return made;
  };

  test('are told by ports, time and bytes', () => {
    const { proxies } = told(proxied(31, 380));
    expect(proxies).toHaveLength(1);
    expect(proxies[0]).toContain(
      '192.0.2.9:40000 to 192.0.2.1:80 (#1), and 31 ms later 192.0.2.1:50000 to 10.0.0.5:8080 (#2)',
    );
  });

  test('are not seen where the bytes or the times do not fit', () => {
    expect(told(proxied(31, 9000)).proxies).toEqual([]);
    expect(told(proxied(5000, 380)).proxies).toEqual([]);
  });
});

describe('answers that nobody asked for', () => {
  const struck = (servers: number, reset: boolean): Film => {
    const made = new Film();
    for (let n = 1; n <= servers; n++) {
      const talk = new Talk(made, { server: `203.0.113.${n}`, clientPort: 1000 + n });
      talk.s(n, 'SA');
      if (reset) talk.c(n + 0.1, 'R', { seq: 1001 });
    }
    return made;
  };

  test('make their receiver a victim and no scanner, from three servers on', () => {
    const made = struck(30, true);
    expect(told(made).unasked[0]).toContain('30 servers sent SYN+ACKs to 192.0.2.1');
    expect(told(made).unasked[0]).toContain('it is no scanner');
    expect(explainAll(made).attempts.some((a) => a.verdict === 'scan')).toBe(false);
    expect(told(struck(2, true)).unasked).toEqual([]);
    expect(told(struck(5, false)).unasked[0]).toContain('or its own packets are not in this capture');
  });
});

test('two hosts that dial each other, of which one signs, are told together', () => {
  const md5: TcpOption[] = [{ kind: 'md5', digest: new Uint8Array(16) }];
  const made = (theirs: TcpOption[]): Film => {
    const film = new Film();
    const a = new Talk(film, { client: '192.0.2.1', server: '192.0.2.2', serverPort: 179 });
    const b = new Talk(film, {
      client: '192.0.2.2',
      server: '192.0.2.1',
      serverPort: 179,
      clientPort: 41_000,
    });
    for (const ms of [0, 1000, 3000]) {
      a.c(ms, 'S', { options: md5 });
      b.c(ms + 10, 'S', { options: theirs });
    }
    return film;
  };
  expect(told(made([])).signs[0]).toContain('the key is set on one side only');
  expect(told(made(md5)).signs).toEqual([]);
});
