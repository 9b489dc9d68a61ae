import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../wire/address.ts';
import { encodeIp, ipPacket } from '../../wire/ip.ts';
import type { TcpOption } from '../../wire/options.ts';
import { encodeTcp, Flag, protocolTcp } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { tcpInfo } from '../socket/info.ts';
import { pollMask } from '../socket/poll-mask.ts';
import {
  accept,
  beginFastOpen,
  close,
  endFastOpen,
  open,
  receive,
  send,
  takeError,
} from '../socket/socket-calls.ts';
import { TcpOption as Option, setTcpOption } from '../socket/socket-options.ts';
import { stateName } from '../state.ts';
import { Pair, type TestOptions, testTcp } from '../testing.ts';
import { FastOpenBit } from './fast-open.ts';

const key = 'a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4';
const everything = FastOpenBit.client | FastOpenBit.server | FastOpenBit.allListeners;
const synDataBit = 32;

const hosts = (a: TestOptions['sysctls'] = {}, b: TestOptions['sysctls'] = {}): Pair =>
  new Pair(
    { address: '10.0.0.1', sysctls: { tcp_timestamps: 0, tcp_fastopen: everything, ...a } },
    {
      address: '10.0.0.2',
      sysctls: { tcp_timestamps: 0, tcp_fastopen: everything, tcp_fastopen_key: key, ...b },
    },
  );

const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => i & 255);
const hex = (data: Uint8Array): string => [...data].map((b) => b.toString(16).padStart(2, '0')).join('');

/** What went over the wire: sender, flags, bytes of data, and the Fast Open option. */
const wire = (pair: Pair): string[] =>
  pair.log.map(({ from, segment }) => {
    const names = Object.entries(Flag)
      .filter(([, bit]) => (segment.flags & bit) !== 0)
      .map(([name]) => name);
    const cookie = segment.options.find((o) => o.kind === 'fastOpen');
    const option =
      cookie === undefined ? '' : ` ${cookie.experimental ? 'FOEXP' : 'FO'}[${hex(cookie.cookie)}]`;
    const data = segment.payload.length > 0 ? `(${segment.payload.length})` : '';
    return `${from}:${names.join('+')}${data}${option}`;
  });

let ports = 40000;

/** sendto(MSG_FASTOPEN) without waiting. */
function sendTo(
  pair: Pair,
  data: Uint8Array,
  prepare: (conn: Connection) => void = () => {},
): [Connection, number] {
  const conn = pair.a.newConnection();
  prepare(conn);
  pair.a.now = pair.now;
  const begun = beginFastOpen(conn, data);
  if (begun < 0) return [conn, begun];
  openOf(pair, conn);
  return [conn, endFastOpen(conn)];
}

function openOf(pair: Pair, conn: Connection): void {
  const route = (pair_: Pair['a']) => pair_.environment.route(parseAddress('0.0.0.0'), null)!;
  open(conn, {
    local: route(pair.a).source,
    localPort: ports++,
    remote: route(pair.b).source,
    remotePort: 80,
    route: route(pair.a),
  });
}

/** Lets the client get a cookie, and forgets the packets of that. */
function withCookie(pair: Pair): Connection {
  const listener = pair.listen(80);
  const [first] = sendTo(pair, bytes(0));
  pair.settle();
  close(first);
  close(accept(listener)!);
  pair.advance(1_000_000);
  pair.log.length = 0;
  return listener;
}

const read = (conn: Connection): Uint8Array => {
  const into = new Uint8Array(10_000);
  const n = receive(conn, into, false);
  return n < 0 ? new Uint8Array(0) : into.slice(0, n);
};

describe('the cookie', () => {
  const server = testTcp({ address: '192.168.0.1', sysctls: { tcp_fastopen_key: key } });
  const cookieOf = (client: string, own: string): string =>
    hex(server.fastOpen.cookieFor(parseAddress(client), parseAddress(own))!);

  test('is what Linux 6.18 makes of the same key and addresses', () => {
    expect(cookieOf('192.0.2.1', '192.168.0.1')).toBe('3021b9d889017eeb');
    expect(cookieOf('fd3d:fa7b:d17d::1', 'fd3d:0a0b:17d6::1')).toBe('c1d1e9742a47a9bc');
    // Measured on 6.18 with TCP_FASTOPEN_KEY, whose bytes are not alike.
    const other = (key_: string): string => {
      const tcp = testTcp({ address: '192.168.0.1', sysctls: { tcp_fastopen_key: key_ } });
      return hex(tcp.fastOpen.cookieFor(parseAddress('192.0.2.1'), parseAddress('192.168.0.1'))!);
    };
    expect(other('01010101-b2b2b2b2-c3c3c3c3-d4d4d4d4')).toBe('be5b0692b25f04ef');
    expect(other('a1a1a1a1-b2b2b2b2-c3c3c3c3-d5d4d4d4')).toBe('165ac2d0bf2a0188');
  });

  test('comes from a key that the host chooses if it has none, and the key can then be read', () => {
    const tcp = testTcp({ address: '10.0.0.2' });
    const first = hex(tcp.fastOpen.cookieFor(parseAddress('10.0.0.1'), parseAddress('10.0.0.2'))!);
    expect(tcp.sysctls.tcp_fastopen_key).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{8}){3}$/);
    expect(hex(tcp.fastOpen.cookieFor(parseAddress('10.0.0.1'), parseAddress('10.0.0.2'))!)).toBe(first);
  });
});

describe('opening with data', () => {
  test('asks for a cookie first, and sends the data after an ordinary handshake', () => {
    const pair = hosts();
    const listener = pair.listen(80);
    const [client, sent] = sendTo(pair, bytes(100));
    expect(sent).toBe(0);
    pair.settle();
    expect(send(client, bytes(100), 0, 0)).toBe(100);
    pair.settle();
    const cookie = hex(pair.b.fastOpen.cookieFor(client.local, client.remote)!);
    expect(wire(pair).slice(0, 4)).toEqual([
      'a:syn FO[]',
      `b:syn+ack FO[${cookie}]`,
      'a:ack',
      'a:psh+ack(100)',
    ]);
    expect(accept(listener)).not.toBeNull();
    expect(tcpInfo(client).tcpi_fastopen_client_fail).toBe(1);
    expect(pair.b.counters.TCPFastOpenCookieReqd).toBe(1);
  });

  test('carries it with the SYN next time: the server reads and answers before the handshake is over', () => {
    const pair = hosts();
    const listener = withCookie(pair);
    const [client, sent] = sendTo(pair, bytes(1000));
    expect(sent).toBe(1000);
    let held = true;
    pair.lose = (from, s) => held && from === 'a' && (s.flags & Flag.syn) === 0;
    pair.settle();
    const server = accept(listener)!;
    expect(stateName(server.state)).toBe('SYN-RECEIVED');
    expect(pollMask(server) & 5).toBe(5);
    expect(read(server)).toEqual(bytes(1000));
    expect(send(server, bytes(50), 0, 0)).toBe(50);
    held = false;
    pair.advance(2_000_000);
    expect(read(client)).toEqual(bytes(50));
    expect(stateName(server.state)).toBe('ESTABLISHED');
    for (const end of [client, server]) expect(tcpInfo(end).tcpi_options! & synDataBit).toBe(synDataBit);
    expect(pair.a.counters.TCPFastOpenActive).toBe(1);
    expect(pair.b.counters.TCPFastOpenPassive).toBe(1);
    expect(listener.listener!.fastOpenPending).toBe(0);
  });

  test('leaves 40 bytes for options that middle boxes add, and keeps to the MSS of last time', () => {
    const pair = hosts();
    withCookie(pair);
    expect(sendTo(pair, bytes(5000))[1]).toBe(1420);
    expect(sendTo(pair, bytes(5000), (conn) => conn.setOption('userMss', 1000))[1]).toBe(960);
  });

  test('sends a SYN without cookie and data when nothing answers, and the data with the ACK', () => {
    const pair = hosts();
    withCookie(pair);
    pair.lose = (_, s) => s.payload.length > 0 && (s.flags & Flag.syn) !== 0;
    const [client] = sendTo(pair, bytes(1000));
    pair.advance(1_500_000);
    expect(wire(pair).slice(1)).toEqual(['a:syn', 'b:syn+ack', 'a:psh+ack(1000)', 'b:ack']);
    expect(tcpInfo(client).tcpi_fastopen_client_fail).toBe(3);
    expect(tcpInfo(client).tcpi_options! & synDataBit).toBe(0);
  });

  test('sends the data again at once if the server took none of it', () => {
    const pair = hosts();
    const listener = withCookie(pair);
    pair.b.sysctls.tcp_fastopen = 0;
    const [client] = sendTo(pair, bytes(1000));
    pair.settle();
    expect(wire(pair).map((line) => line.split(' ')[0])).toEqual([
      'a:syn(1000)',
      'b:syn+ack',
      'a:psh+ack(1000)',
      'b:ack',
    ]);
    expect(client.fastOpenFailure).toBe(2);
    expect(pair.a.counters.TCPFastOpenActiveFail).toBe(1);
    expect(read(accept(listener)!)).toEqual(bytes(1000));
    expect([client.packetsOut, client.retransOut, client.lostOut]).toEqual([0, 0, 0]);
  });

  test('is refused without bit 1 of tcp_fastopen', () => {
    expect(sendTo(hosts({ tcp_fastopen: 0 }), bytes(10))[1]).toBe(-95);
  });

  test('needs no cookie where both sides say so', () => {
    const pair = hosts({ tcp_fastopen: 5 }, { tcp_fastopen: 0x602 });
    const listener = pair.listen(80);
    expect(sendTo(pair, bytes(10))[1]).toBe(10);
    pair.settle();
    expect(wire(pair)).toEqual(['a:syn(10)', 'b:syn+ack', 'a:ack']);
    expect(read(accept(listener)!)).toEqual(bytes(10));
  });

  test('tries the experimental option once when a request stays unanswered', () => {
    const pair = hosts({}, { tcp_fastopen: 0 });
    pair.listen(80);
    for (let i = 0; i < 3; i++) {
      sendTo(pair, bytes(0));
      pair.settle();
    }
    expect(wire(pair).filter((line) => line.startsWith('a:syn'))).toEqual([
      'a:syn FO[]',
      'a:syn FOEXP[]',
      'a:syn FO[]',
    ]);
    pair.a.fastOpen.flush();
    pair.log.length = 0;
    for (let i = 0; i < 2; i++) {
      sendTo(pair, bytes(0));
      pair.settle();
    }
    expect(wire(pair).filter((line) => line.startsWith('a:syn'))).toEqual(['a:syn FO[]', 'a:syn FOEXP[]']);
  });

  test('is given up for a while after three time-outs in a row, if the sysctl says so', () => {
    const pair = hosts({ tcp_fastopen_blackhole_timeout_sec: 10 });
    withCookie(pair);
    pair.lose = () => true;
    sendTo(pair, bytes(10));
    pair.advance(4_000_000);
    expect(pair.a.counters.TCPFastOpenBlackhole).toBe(1);
    expect(sendTo(pair, bytes(10))[1]).toBe(0);
    pair.advance(20_000_000);
    expect(sendTo(pair, bytes(10))[1]).toBe(10);
  });

  test('waits for the first write after a deferred connect', () => {
    const pair = hosts();
    const listener = withCookie(pair);
    const client = pair.a.newConnection();
    expect(setTcpOption(client, Option.fastopenConnect, 1)).toBe(0);
    openOf(pair, client);
    pair.settle();
    expect(pair.log).toEqual([]);
    expect([client.deferredConnect, pollMask(client) & 4]).toEqual([true, 4]);
    expect(beginFastOpen(client, bytes(300))).toBe(0);
    expect(beginFastOpen(client, bytes(300))).toBe(-114);
    expect(endFastOpen(client)).toBe(300);
    pair.settle();
    expect(read(accept(listener)!)).toEqual(bytes(300));
    expect(stateName(client.state)).toBe('ESTABLISHED');
  });

  test('both at once: data of crossing SYNs is not taken, but comes again', () => {
    const pair = hosts({ tcp_fastopen: 5 }, { tcp_fastopen: 5 });
    const a = pair.a.newConnection();
    const b = pair.b.newConnection();
    const routes = [pair.a, pair.b].map((tcp) => tcp.environment.route(parseAddress('0.0.0.0'), null)!);
    const tuple = (own: number, ownPort: number, peerPort: number) => ({
      local: routes[own]!.source,
      localPort: ownPort,
      remote: routes[1 - own]!.source,
      remotePort: peerPort,
      route: routes[own]!,
    });
    for (const [conn, own] of [
      [a, 0],
      [b, 1],
    ] as const) {
      beginFastOpen(conn, bytes(100 + own));
      open(conn, own === 0 ? tuple(0, 7000, 8000) : tuple(1, 8000, 7000));
      expect(endFastOpen(conn)).toBe(100 + own);
    }
    const [synA, synB] = [pair.a.out.take()!, pair.b.out.take()!];
    pair.b.input(0, synA, new DataView(synA.buffer), 0, synA.length);
    pair.a.input(0, synB, new DataView(synB.buffer), 0, synB.length);
    pair.advance(5_000_000);
    expect([stateName(a.state), stateName(b.state)]).toEqual(['ESTABLISHED', 'ESTABLISHED']);
    expect([read(a).length, read(b).length]).toEqual([101, 100]);
    expect([a.packetsOut, b.packetsOut]).toEqual([0, 0]);
  });
});

/** A client that says what the test wants, to a server that listens with a Fast Open queue of `limit`. */
class Script {
  readonly server = testTcp({
    address: '192.168.0.1',
    sysctls: { tcp_fastopen: 2, tcp_fastopen_key: key, tcp_timestamps: 0 },
  });
  readonly listener: Connection;
  now = 0;

  constructor(limit = 1) {
    const pair = { b: this.server, listen: Pair.prototype.listen };
    this.listener = pair.listen.call(pair as unknown as Pair, 80);
    setTcpOption(this.listener, Option.fastopen, limit);
  }

  /** Sends a segment and returns the answers as text. */
  say(
    flags: number,
    seq: number,
    ack: number,
    data = '',
    cookie: string | null = null,
    port = 40000,
  ): string[] {
    const from = parseAddress('192.0.2.1');
    const to = parseAddress('192.168.0.1');
    const options: TcpOption[] = [{ kind: 'mss', value: 1460 }];
    if (cookie !== null) {
      const value = Uint8Array.from(cookie.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
      options.push({ kind: 'fastOpen', cookie: value, experimental: false });
      while ((value.length + 2 + options.filter((o) => o.kind === 'nop').length) % 4 !== 0)
        options.push({ kind: 'nop' });
    }
    const payload = new TextEncoder().encode(data);
    const tcp = encodeTcp(
      { sourcePort: port, destinationPort: 80, seq, ack, flags, window: 60000, urgent: 0, options, payload },
      from,
      to,
    );
    const packet = encodeIp(ipPacket({ source: from, destination: to, protocol: protocolTcp, payload: tcp }));
    this.server.input(this.now, packet, new DataView(packet.buffer), 0, packet.length);
    return this.heard();
  }

  heard(): string[] {
    const heard: string[] = [];
    for (let packet = this.server.out.take(); packet !== null; packet = this.server.out.take()) {
      const view = new DataView(packet.buffer);
      const flags = Object.entries(Flag).filter(([, bit]) => (view.getUint16(32) & bit) !== 0);
      heard.push(`${flags.map(([name]) => name).join('+')} ${view.getUint32(24)}:${view.getUint32(28)}`);
    }
    return heard;
  }

  wait(us: number): string[] {
    const end = this.now + us;
    const heard: string[] = [];
    for (let at = this.server.nextDeadline(); at <= end; at = this.server.nextDeadline()) {
      this.server.handleTimers(at);
      heard.push(...this.heard().map((line) => `${at / 1e6} ${line}`));
    }
    this.now = end;
    this.server.handleTimers(end);
    return heard;
  }
}

const good = '3021b9d889017eeb';

describe('the passive side', () => {
  test('takes the data of a SYN with a good cookie and acknowledges it', () => {
    const script = new Script();
    expect(script.say(Flag.syn, 99, 0, 'hello', good)).toEqual(['syn+ack 1000:105']);
    expect(new TextDecoder().decode(read(accept(script.listener)!))).toBe('hello');
  });

  test('acknowledges only the SYN if the cookie is wrong, missing or of another length', () => {
    for (const cookie of ['3021b9d889017eec', '3021b9d8', '', null]) {
      const script = new Script();
      expect(script.say(Flag.syn, 99, 0, 'hello', cookie)).toEqual(['syn+ack 1000:100']);
      expect(accept(script.listener)).toBeNull();
      expect(script.server.counters.TCPFastOpenPassiveFail).toBe((cookie ?? '').length > 0 ? 1 : 0);
    }
  });

  test('takes a cookie of the second key', () => {
    const script = new Script();
    script.server.sysctls.tcp_fastopen_key = `1-2-3-4,${key}`;
    expect(script.say(Flag.syn, 99, 0, 'hello', good)).toEqual(['syn+ack 1000:105']);
    expect(script.server.counters.TCPFastOpenPassiveAltKey).toBe(1);
  });

  test("takes cookies of the listener's own keys in place of the host's", () => {
    const script = new Script();
    script.server.sysctls.tcp_fastopen_key = '1-2-3-4';
    const keys = [0x00, 0xa1, 0xb2, 0xc3, 0xd4].flatMap((byte, i) => new Array(i === 0 ? 16 : 4).fill(byte));
    script.listener.fastOpenKeys = Uint8Array.from(keys);
    expect(script.say(Flag.syn, 99, 0, 'hello', good)).toEqual(['syn+ack 1000:105']);
    expect(script.server.counters.TCPFastOpenPassiveAltKey).toBe(1);
    script.listener.fastOpenKeys = Uint8Array.from(keys.slice(16));
    accept(script.listener);
    expect(script.say(Flag.ack, 105, 1001)).toEqual([]);
    expect(script.say(Flag.syn, 99, 0, 'hello', good, 40001)).toEqual(['syn+ack 1000:105']);
    expect(script.server.counters.TCPFastOpenPassiveAltKey).toBe(1);
  });

  test('repeats the SYN+ACK for the SYN again and by a timer, once more often than without Fast Open', () => {
    const script = new Script();
    script.server.sysctls.tcp_synack_retries = 2;
    script.say(Flag.syn, 99, 0, 'hello', good);
    const child = accept(script.listener)!;
    expect(script.say(Flag.syn, 99, 0, 'hello', good)).toEqual(['syn+ack 1000:105']);
    expect(script.wait(60_000_000)).toEqual([
      '1 syn+ack 1000:105',
      '3 syn+ack 1000:105',
      '7 syn+ack 1000:105',
    ]);
    expect([stateName(child.state), takeError(child)]).toEqual(['CLOSED', 110]);
    expect(script.listener.listener!.fastOpenPending).toBe(0);
  });

  test('sends data before the handshake is over, but repeats it only afterwards', () => {
    const script = new Script();
    script.say(Flag.syn, 99, 0, 'hello', good);
    const child = accept(script.listener)!;
    expect(send(child, bytes(10), 0, 0)).toBe(10);
    expect(script.heard()).toEqual(['psh+ack 1001:105']);
    expect(script.wait(1_500_000)).toEqual(['1 syn+ack 1000:105']);
    expect(script.say(Flag.ack, 105, 1001)).toEqual([]);
    expect(stateName(child.state)).toBe('ESTABLISHED');
    expect(script.wait(4_000_000)).toEqual(['4.5 psh+ack 1001:105']);
  });

  test('answers what lies outside the window with an ACK that counts the data sent', () => {
    const script = new Script();
    script.say(Flag.syn, 99, 0, 'hello', good);
    send(accept(script.listener)!, bytes(10), 0, 0);
    script.heard();
    expect(script.say(Flag.ack, 1_000_000, 1001, 'far')).toEqual(['ack 1011:105']);
  });

  test('closed early, sends FIN at once', () => {
    const script = new Script();
    script.say(Flag.syn, 99, 0, 'hello', good);
    const child = accept(script.listener)!;
    read(child);
    close(child);
    expect(script.heard()).toEqual(['fin+ack 1001:105']);
    expect(stateName(child.state)).toBe('FIN-WAIT-1');
    expect(script.say(Flag.ack, 105, 1002)).toEqual([]);
    expect(script.listener.listener!.fastOpenPending).toBe(0);
  });

  test('a RST ends it: what came with the SYN can still be read, then ECONNRESET', () => {
    const script = new Script();
    script.say(Flag.syn, 99, 0, 'hello', good);
    script.say(Flag.rst | Flag.ack, 105, 1001);
    const child = accept(script.listener)!;
    expect(read(child).length).toBe(5);
    expect(receive(child, new Uint8Array(9), false)).toBe(-104);
  });

  test('takes no more at once than TCP_FASTOPEN allows, and counts one that was reset for a minute', () => {
    const script = new Script(1);
    script.say(Flag.syn, 99, 0, 'hello', good);
    expect(script.say(Flag.syn, 99, 0, 'hello', good, 40001)).toEqual(['syn+ack 1000:100']);
    expect(script.server.counters.TCPFastOpenListenOverflow).toBe(1);
    accept(script.listener);
    script.say(Flag.rst, 105, 0);
    script.wait(59_000_000);
    expect(script.say(Flag.syn, 99, 0, 'hello', good, 40002)).toEqual(['syn+ack 1000:100']);
    script.wait(2_000_000);
    expect(script.say(Flag.syn, 99, 0, 'hello', good, 40003)).toEqual(['syn+ack 1000:105']);
  });

  test('a closed listener resets those not accepted yet', () => {
    const script = new Script();
    script.say(Flag.syn, 99, 0, 'hello', good);
    close(script.listener);
    expect(script.heard()).toEqual(['rst+ack 1001:105']);
  });

  test('ignores a SYN with FIN, cookie or not', () => {
    const script = new Script();
    expect(script.say(Flag.syn | Flag.fin, 99, 0, 'hello', good)).toEqual([]);
  });

  test('is off without bit 2 of tcp_fastopen, and for a listener without a queue for it', () => {
    const off = new Script();
    off.server.sysctls.tcp_fastopen = 1;
    expect(off.say(Flag.syn, 99, 0, 'hello', good)).toEqual(['syn+ack 1000:100']);
    expect(new Script(0).say(Flag.syn, 99, 0, 'hello', good)).toEqual(['syn+ack 1000:100']);
  });

  test('a cookie goes with the first SYN+ACK only', () => {
    const pair = hosts();
    pair.listen(80);
    pair.lose = (from) => from === 'b';
    sendTo(pair, bytes(0));
    pair.advance(1_500_000);
    expect(
      wire(pair)
        .filter((line) => line.startsWith('b:'))
        .map((line) => line.includes('FO')),
    ).toEqual([true, false, false]);
  });
});
