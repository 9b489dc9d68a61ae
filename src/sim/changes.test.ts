import { expect, test } from 'vitest';
import { OpenFlag } from '../host/index.ts';
import { parseAddress } from '../wire/address.ts';
import { decodeIp } from '../wire/ip.ts';
import { decodeTcp, Flag } from '../wire/tcp.ts';
import { addHost } from './hosts.ts';
import { type Rule, World } from './index.ts';

const flagsOf = (packet: Uint8Array): number => decodeTcp(decodeIp(packet).payload).flags;

/** A client that connects to a server over `wire` (1 ms), and what happened to packets: kind, sender and number, time in ms. */
function connecting(rules: readonly Rule[] = []): { world: World; told: string[]; state: () => string } {
  const world = new World({ seed: 3, rules });
  const told: string[] = [];
  world.watch((event) => {
    if (event.kind !== 'tcp' && event.kind !== 'sent')
      told.push(
        `${event.kind === 'lost' ? event.cause : 'arrived'} ${event.packet.from} ${event.packet.n} at ${event.at / 1000}`,
      );
  });
  const host = (name: string, n: number) =>
    addHost(world, name, { interfaces: [{ addresses: [`192.0.2.${n}/24`] }] });
  const [client, server] = [host('client', 1), host('server', 2)];
  world.link('wire', 'client', 'server', { delayUs: 1000 });
  const listener = server.socket(4, OpenFlag.nonBlock);
  listener.bind(parseAddress('0.0.0.0'), 80);
  listener.listen(5);
  const socket = client.socket(4, OpenFlag.nonBlock);
  socket.connect(parseAddress('192.0.2.2'), 80);
  return { world, told, state: () => (socket.remote === null ? 'not connected' : 'connected') };
}

test('a cut link loses what is under way and what is sent, until it is mended', () => {
  const { world, told, state } = connecting();
  world.at(500, () => world.cut('wire'));
  world.at(1_500_000, () => world.mend('wire'));
  world.run(1_800_000);
  expect(told).toEqual(['cut client 1 at 1', 'cut client 2 at 1000']);
  expect(state()).toBe('not connected');
  world.run(2_100_000);
  expect(told.slice(2)).toEqual([
    'arrived client 3 at 2001',
    'arrived server 1 at 2002',
    'arrived client 4 at 2003',
  ]);
  expect(state()).toBe('connected');
  expect(() => world.cut('none')).toThrow("there is no link 'none' in this world");
});

test('conditions change for packets sent from then on, in one direction', () => {
  const { world, told } = connecting();
  world.at(500, () => world.change('wire', 'server', { delayUs: 50_000 }));
  world.at(1500, () => world.change('wire', 'client', { loss: 1 }));
  world.run(100_000);
  expect(told).toEqual(['arrived client 1 at 1', 'arrived server 1 at 51', 'loss client 2 at 51']);
  expect(() => world.change('wire', 'client', { loss: 2 })).toThrow('loss must be from 0 to 1');
  expect(() => world.change('wire', 'nobody', {})).toThrow("there is no node 'nobody'");
});

test('a rule does something to the packets that its predicate chooses', () => {
  let seen = 0;
  const { world, told } = connecting([
    {
      link: 'wire',
      from: 'server',
      when: (packet) => (flagsOf(packet) & Flag.syn) !== 0 && ++seen === 1,
      action: 'drop',
    },
    { when: (packet, { n }) => flagsOf(packet) === Flag.ack && n > 1, action: 'delay', us: 7000 },
  ]);
  world.run(1_500_000);
  expect(told).toEqual([
    'arrived client 1 at 1',
    'dropped server 1 at 1',
    'arrived client 2 at 1001',
    'arrived server 2 at 1002',
    'arrived client 3 at 1010',
  ]);
});

test('a rule for what is not there, or that cannot be done, is refused', () => {
  const when = (): boolean => true;
  expect(() => connecting([{ when, action: 'delay', us: -1 }])).toThrow('rules[0]: us must be');
  expect(() => connecting([{ link: 'air', when, action: 'drop' }]).world.run(1)).toThrow(
    "rules[0]: there is no link 'air'",
  );
  expect(() => connecting([{ from: 'me', when, action: 'drop' }]).world.run(1)).toThrow(
    "there is no node 'me'",
  );
});
