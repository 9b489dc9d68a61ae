/** Many worlds with bad links: whatever the network does, data arrives whole, in order and once, and everything ends. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MessageFlag, OpenFlag, Socket } from '../../src/host/index.ts';
import { addHost, Capture, Prng, World } from '../../src/sim/index.ts';
import { parseAddress } from '../../src/wire/address.ts';
import { full, testNeeding } from '../support/needs.ts';

interface Outcome {
  /** Bytes that each side got, and how many of them were not what was sent. */
  got: [number, number];
  wrong: number;
  connectError: number;
  idle: boolean;
  tuplesLeft: number;
  endedAt: number;
  capture: Capture;
}

const pattern = (i: number): number => (i * 7 + (i >>> 8)) & 255;

/** One side of a transfer: writes `total` bytes of the pattern, reads until the end, then closes. */
class End {
  private readonly socket: Socket;
  private readonly total: number;
  private sent = 0;
  got = 0;
  wrong = 0;
  error = 0;

  constructor(socket: Socket, total: number) {
    this.socket = socket;
    this.total = total;
    socket.observer = (): void => this.step();
  }

  step(): void {
    const into = new Uint8Array(8192);
    for (;;) {
      const n = this.socket.receive(into, MessageFlag.dontWait) as number;
      if (n === 0) this.finish();
      if (n <= 0) {
        if (n !== 0 && n !== -11) this.error = n;
        break;
      }
      for (let i = 0; i < n; i++) if (into[i] !== pattern(this.got + i)) this.wrong++;
      this.got += n;
    }
    this.write();
  }

  private write(): void {
    while (this.sent < this.total) {
      const chunk = Uint8Array.from({ length: Math.min(5000, this.total - this.sent) }, (_, i) =>
        pattern(this.sent + i),
      );
      const n = this.socket.send(chunk, MessageFlag.dontWait) as number;
      if (n <= 0) return;
      this.sent += n;
      if (this.sent === this.total) this.socket.shutdown(1);
    }
  }

  private finish(): void {
    if (this.sent === this.total) this.socket.release();
  }
}

function run(seed: number, watched: boolean): Outcome {
  const world = new World({ seed });
  const draw = new Prng(seed).fork('conditions');
  // Patience, on all counts: giving up after long bad luck is right, but not what is looked at here.
  const sysctls = {
    'net.ipv4.tcp_retries2': 60,
    'net.ipv4.tcp_orphan_retries': 60,
    'net.ipv4.tcp_syn_retries': 60,
    'net.ipv4.tcp_synack_retries': 60,
  };
  const client = addHost(world, 'client', { interfaces: [{ addresses: ['192.0.2.1/24'] }], sysctls });
  const server = addHost(world, 'server', { interfaces: [{ addresses: ['192.0.2.2/24'] }], sysctls });
  world.link('wire', 'client', 'server', {
    delayUs: draw.below(80_000),
    jitterUs: draw.below(20_000),
    loss: draw.unit() * 0.15,
    duplicate: draw.unit() * 0.1,
    reorder: draw.unit() * 0.1,
    reorderUs: 1 + draw.below(30_000),
    ...(draw.below(2) === 0 ? {} : { bandwidth: 1_000_000 + draw.below(50_000_000), queueBytes: 30_000 }),
  });
  const capture = watched ? new Capture(world, 'wire', 'server') : (null as unknown as Capture);
  const [up, down] = [draw.below(60_000), draw.below(60_000)];
  const listener = server.socket(4, OpenFlag.nonBlock);
  listener.bind(parseAddress('0.0.0.0'), 80);
  listener.listen(5);
  let serverEnd: End | null = null;
  listener.observer = (): void => {
    const child = listener.accept(OpenFlag.nonBlock);
    if (!(child instanceof Socket)) return;
    serverEnd = new End(child, Math.max(1, down));
    serverEnd.step();
  };
  const socket = client.socket(4, 0);
  let clientEnd: End | null = null;
  let connectError = 0;
  client.await(socket.connect(parseAddress('192.0.2.2'), 80), (result) => {
    connectError = result;
    if (result !== 0) return;
    clientEnd = new End(socket, Math.max(1, up));
    clientEnd.step();
  });
  const idle = world.run(7_200_000_000) === 'idle';
  const [a, b] = [clientEnd as End | null, serverEnd as End | null];
  return {
    got: [a?.got ?? -1, b?.got ?? -1],
    wrong:
      (a?.wrong ?? 0) +
      (b?.wrong ?? 0) +
      Math.abs((a?.got ?? -1) - Math.max(1, down)) +
      Math.abs((b?.got ?? -1) - Math.max(1, up)),
    connectError,
    idle,
    tuplesLeft: client.tcp.table.size + server.tcp.table.size,
    endedAt: world.clock.now,
    capture,
  };
}

test('data arrives whole over links that lose, duplicate, reorder, delay and choke; every connection ends', () => {
  const seeds = full ? 1000 : 12;
  for (let seed = 1; seed <= seeds; seed++) {
    const { wrong, connectError, idle, tuplesLeft, got } = run(seed, false);
    expect({ connectError, wrong, idle, tuplesLeft }, `seed ${seed}, got ${got}`).toEqual({
      connectError: 0,
      wrong: 0,
      idle: true,
      tuplesLeft: 0,
    });
  }
});

test('the same seed gives the same capture, byte for byte', () => {
  for (const seed of [11, 12, 13])
    expect(run(seed, true).capture.toPcapng()).toEqual(run(seed, true).capture.toPcapng());
});

testNeeding('test/simulation/bad-networks.test.ts', 'tshark')(
  'tshark reads the captures: nothing malformed, no wrong checksum',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'halfopen-'));
    try {
      for (let seed = 1; seed <= (full ? 25 : 1); seed++) {
        const file = join(folder, `${seed}.pcapng`);
        const { capture } = run(seed, true);
        writeFileSync(file, capture.toPcapng());
        const fields = [
          '-T',
          'fields',
          '-e',
          'tcp.checksum.status',
          '-e',
          'ip.checksum.status',
          '-e',
          '_ws.malformed',
        ];
        const checks = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
        const { stdout, status } = spawnSync('tshark', ['-r', file, ...checks, ...fields], {
          encoding: 'utf8',
          maxBuffer: 1e8,
        });
        expect(status).toBe(0);
        const lines = stdout.trimEnd().split('\n');
        expect(lines.length).toBe(capture.packets.length);
        // 1 means that the checksum is right; the third field stays empty.
        expect(lines.filter((line) => line !== '1\t1\t' && line !== '1\t1')).toEqual([]);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
