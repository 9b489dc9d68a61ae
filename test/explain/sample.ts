/**
 * The capture of the documentation, docs/examples/attempts.pcapng: what goes wrong in a night, on the built-in stack in
 * virtual time, captured at the client. Made anew by
 * HALFOPEN_SAMPLE=1 npx vitest run test/explain-docs.test.ts
 */
import { type Host, OpenFlag, type Socket } from '../../src/host/index.ts';
import { addHost, World, type WorldEvent, worldEpochUs } from '../../src/sim/index.ts';
import { Errno } from '../../src/tcp/errno.ts';
import { parseAddress } from '../../src/wire/address.ts';
import { encodeIcmp, protocolIcmp } from '../../src/wire/icmp.ts';
import { encodeIp, ipPacket } from '../../src/wire/ip.ts';
import { concatenate, pcapngHeader, pcapngPacket } from '../../src/wire/pcap.ts';

const second = 1_000_000;
const web = '192.0.2.2';
/** Nobody has this address. */
const nobody = '192.0.2.99';
/** A router refuses to pass what is for this one. */
const forbidden = '198.51.100.7';
const router = '192.0.2.254';
/** It answers every SYN with a cookie. */
const busy = '203.0.113.9';

/** The client and whom it talks to, and what tcpdump -i any on the client sees. */
class Night {
  readonly world: World = new World({ seed: 7 });
  readonly client: Host;
  readonly server: Host;
  readonly busy: Host;
  readonly parts: Uint8Array[] = [pcapngHeader([{ name: 'any' }])];

  constructor() {
    const { world } = this;
    this.client = addHost(world, 'client', {
      interfaces: [{ addresses: ['192.0.2.1/24'], gateway: web }, { addresses: ['203.0.113.1/24'] }],
    });
    this.server = addHost(world, 'server', { interfaces: [{ addresses: [`${web}/24`] }] });
    // It answers every SYN with a cookie, as a host does whose SYN queue is full.
    this.busy = addHost(world, 'busy', {
      interfaces: [{ addresses: [`${busy}/24`] }],
      // Cookies of several connections are told by their time stamps where these have no offset of their own.
      sysctls: { 'net.ipv4.tcp_syncookies': 2, 'net.ipv4.tcp_timestamps': 2 },
    });
    world.watch((event) => this.see(event));
    world.link('eth0', 'client', 'server', { delayUs: 12_000, jitterUs: 900 });
    world.link('eth1', 'client', 'busy', { delayUs: 20_000, jitterUs: 900 });
  }

  private see(event: WorldEvent): void {
    if (event.kind === 'tcp') return;
    const own = event.packet.from === 'client';
    if (own ? event.kind !== 'sent' : event.kind !== 'arrived' || event.to !== 'client') return;
    this.parts.push(pcapngPacket(BigInt(worldEpochUs + event.at) * 1000n, event.bytes));
    if (own && event.bytes[9] === 6 && event.bytes.subarray(16, 20).join('.') === forbidden)
      this.reject(event.bytes);
  }

  /** The router's answer to a packet that it may not pass. */
  private reject(packet: Uint8Array): void {
    const [source, destination] = [parseAddress(router), parseAddress('192.0.2.1')];
    const payload = encodeIcmp(
      { type: 3, code: 13, parameter: 0, body: packet.slice(0, 28) },
      source,
      destination,
    );
    const bytes = encodeIp(ipPacket({ source, destination, protocol: protocolIcmp, payload }));
    this.world.at(this.world.clock.now + 1000, () => this.world.send('eth0', 'server', bytes));
  }

  listen(host: Host, port: number, backlog: number): Socket {
    const socket = host.socket(4, OpenFlag.nonBlock);
    socket.bind(parseAddress('0.0.0.0'), port);
    socket.listen(backlog);
    return socket;
  }

  connect(host: Host, address: string, port: number, from = 0): Socket {
    const socket = host.socket(4, OpenFlag.nonBlock);
    if (from !== 0) socket.bind(parseAddress('0.0.0.0'), from);
    const result = socket.connect(parseAddress(address), port);
    if (typeof result === 'number' && result < 0 && result !== -Errno.EINPROGRESS)
      throw new Error(`connect to ${address}:${port} failed with ${result}`);
    return socket;
  }

  /** A request and its answer, and an orderly end. */
  exchange(listener: Socket): void {
    const { world } = this;
    const from = world.clock.now;
    const socket = this.connect(this.client, web, 443);
    world.at(from + 30_000, () => socket.send(new Uint8Array(180), 0));
    world.at(from + 60_000, () => {
      const accepted = listener.accept(0);
      if (typeof accepted === 'number') throw new Error(`accept failed with ${accepted}`);
      accepted.receive(new Uint8Array(1000), 0);
      accepted.send(new Uint8Array(1200), 0);
      accepted.release();
    });
    world.at(from + 90_000, () => {
      socket.receive(new Uint8Array(4000), 0);
      socket.release();
    });
  }
}

/** The capture, as a pcapng file. */
export function sampleCapture(): Uint8Array {
  const night = new Night();
  const { world, client, server } = night;
  const at = (seconds: number, action: () => void): void => world.at(seconds * second, action);
  const service = night.listen(server, 443, 10);
  night.listen(server, 9000, 2);
  night.listen(night.busy, 80, 10);
  for (let n = 0; n < 5; n++) at(1 + n * 7, () => night.exchange(service));
  at(3, () => night.connect(client, web, 8080));
  at(4, () => night.connect(client, web, 8080));
  at(5, () => night.connect(client, nobody, 5432));
  at(9, () => night.connect(client, forbidden, 22));
  // Nobody accepts: three connections fit, two arrive together for the last place, and the next comes too late.
  for (const seconds of [12, 12.2, 13, 13, 15]) at(seconds, () => night.connect(client, web, 9000));
  at(20, () => {
    night.connect(client, web, 7000, 7000);
    night.connect(server, '192.0.2.1', 7000, 7000);
  });
  at(25, () => night.connect(client, '127.0.0.1', 50000, 50000));
  for (let n = 0; n < 6; n++) at(27 + n / 4, () => night.connect(client, busy, 80));
  // The capture goes on until everyone has given up.
  at(190, () => night.exchange(service));
  world.run(200 * second);
  return concatenate(night.parts);
}
