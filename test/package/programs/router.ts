// A router as a node of a simulated network, and loss by what is in a packet.
import { OpenFlag } from 'halfopen/host';
import { addHost, type Node, type Rule, World } from 'halfopen/sim';
import { decodeIp, decodeTcp, encodeIp, Flag, formatAddress, PacketQueue, parseAddress } from 'halfopen/wire';

class Router implements Node {
  readonly out = new PacketQueue();
  forwarded = 0;

  input(_now: number, bytes: Uint8Array, _view: DataView, offset: number, length: number): void {
    const packet = decodeIp(bytes.subarray(offset, offset + length));
    if (packet.ttl <= 1) return;
    this.forwarded++;
    this.out.put(encodeIp({ ...packet, ttl: packet.ttl - 1 }));
  }

  interfaceFor(bytes: Uint8Array, view: DataView, offset: number): number {
    const { destination } = decodeIp(bytes.subarray(offset, offset + view.getUint16(offset + 2)));
    return formatAddress(destination).startsWith('192.0.2.') ? 1 : 2;
  }

  handleTimers(): void {}

  nextDeadline(): number {
    return Number.POSITIVE_INFINITY;
  }
}

let lost = 0;
const rule: Rule = {
  link: 'office',
  from: 'client',
  when: (packet) => decodeTcp(decodeIp(packet).payload).flags === Flag.syn && ++lost <= 2,
  action: 'drop',
};
const world = new World({ seed: 7, rules: [rule] });
const router = world.add('router', new Router());
const client = addHost(world, 'client', {
  interfaces: [{ addresses: ['192.0.2.1/24'], gateway: '192.0.2.254' }],
});
const server = addHost(world, 'server', {
  interfaces: [{ addresses: ['198.51.100.1/24'], gateway: '198.51.100.254' }],
});
world.link('office', 'router', 'client', { delayUs: 1000 });
world.link('uplink', 'router', 'server', { delayUs: 20_000 });

const listener = server.socket(4, OpenFlag.nonBlock);
listener.bind(parseAddress('0.0.0.0'), 80);
listener.listen(16);
const socket = client.socket(4, OpenFlag.nonBlock);
socket.connect(parseAddress('198.51.100.1'), 80);
world.run(10_000_000);
console.log(`connected: ${socket.remote !== null}, ${lost} SYNs, ${router.forwarded} packets forwarded`);
