import { expect, test } from 'vitest';
import { encodeIcmp, protocolIcmp, protocolIcmpv6 } from '../wire/icmp.ts';
import { encodeIp, ipPacket } from '../wire/ip.ts';
import { icmpInput } from './icmp.ts';
import { stateName } from './state.ts';
import { Pair } from './testing.ts';

test.each([
  ['IPv4', '10.0.0.1', '10.0.0.2', protocolIcmp, 3, 3],
  ['IPv6', '2001:db8::1', '2001:db8::2', protocolIcmpv6, 1, 4],
])('an ICMP error that was damaged on the way is not believed (%s)', (_, a, b, protocol, type, code) => {
  const pair = new Pair({ address: a }, { address: b });
  const client = pair.connect(40_000, 80);
  const syn = pair.a.out.take()!;
  const { local, remote } = client;
  const payload = encodeIcmp({ type, code, parameter: 0, body: syn.slice(0, 68) }, remote, local);
  const damaged = payload.slice();
  damaged[1] = 1;
  const packet = (bytes: Uint8Array): Uint8Array =>
    encodeIp(ipPacket({ source: remote, destination: local, protocol, payload: bytes }));
  icmpInput(pair.a, packet(damaged));
  expect(stateName(client.state)).toBe('SYN-SENT');
  icmpInput(pair.a, packet(payload));
  expect(stateName(client.state)).toBe('CLOSED');
});
