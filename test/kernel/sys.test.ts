import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { newNetworkNamespace, spawnInNamespace } from '../../src/linux/namespace.ts';
import { encodeSockaddr } from '../../src/linux/sockaddr.ts';
import { K, must, SysError, SysUnavailable, sys } from '../../src/linux/sys.ts';
import { interfaceIndex, Links, openTun } from '../../src/linux/tun.ts';
import { testNeeding } from '../support/needs.ts';

const linuxTest = testNeeding('test/kernel/sys.test.ts', 'namespaces');
const rootTest = testNeeding('test/kernel/sys.test.ts', 'netns');

describe('system calls', () => {
  linuxTest('a call that fails gives its error number negated, and must() names call and error', () => {
    expect(sys).not.toThrow(SysUnavailable);
    const result = sys().call('socket', K.AF_INET, 99, 0);
    expect(result).toBe(-22);
    expect(() => must('socket', result)).toThrow(SysError);
    expect(() => must('socket', result)).toThrow('socket: EINVAL (Invalid argument)');
  });

  linuxTest('messages with control data and addresses cross a socket', () => {
    const s = sys();
    const [a, b] = [0, 0].map(() => must('socket', s.call('socket', K.AF_INET, K.SOCK_DGRAM, 0))) as [
      number,
      number,
    ];
    const address = encodeSockaddr(K.AF_INET, '127.0.0.1', 0);
    must('bind', s.call('bind', a, address, address.length));
    must('SO_TIMESTAMPNS', s.setsockoptInt(a, K.SOL_SOCKET, K.SO_TIMESTAMPNS, 1));
    const to = s.getsockname(a) as Uint8Array;
    expect(s.sendmsg(b, [Buffer.from('half'), Buffer.from('open')], 0, to, new Uint8Array(0))).toBe(8);
    const [one, two] = [Buffer.alloc(5), Buffer.alloc(5)];
    const got = s.recvmsg(a, [one, two], 0, null, 128);
    expect(got.value).toBe(8);
    expect(one.toString() + two.subarray(0, 3).toString()).toBe('halfopen');
    const { data, type } = got.control[0]!;
    expect(type).toBe(K.SO_TIMESTAMPNS);
    const sent = Number(Buffer.from(data).readBigInt64LE(0));
    expect(Math.abs(sent - s.clockUs(0) / 1e6)).toBeLessThan(10);
    for (const fd of [a, b]) s.call('close', fd);
  });
});

// protectMachine is tried where scripts run on the kernel.
describe('namespaces', () => {
  rootTest(
    'a network made beside the own one has a TUN device, addresses and routes, and leaves no trace',
    () => {
      const s = sys();
      const outside = readdirSync('/proc/thread-self/net/dev_snmp6').length;
      const network = newNetworkNamespace(s);
      const tun = network.run(() => {
        const made = openTun(s, 'tun0');
        const links = new Links(s);
        links.up(interfaceIndex(s, 'lo'));
        links.up(made.index, 1400);
        links.address(made.index, '192.168.0.1', 16);
        links.address(made.index, 'fd3d:a0b:17d6::1', 48);
        links.route(made.index, '192.0.2.1', 32, '192.168.0.2', null);
        expect(() => links.route(made.index, '192.0.2.2', 32, '10.9.9.9', null)).toThrow(
          'add a route to 192.0.2.2: ENETUNREACH',
        );
        links.close();
        return made;
      });
      const packet = new Uint8Array(64).fill(255);
      expect(s.call('write', tun.fd, packet, packet.length)).toBe(-22); // no IP version 15
      expect(() => interfaceIndex(s, 'tun0')).toThrow('ENODEV');
      s.call('close', tun.fd);
      network.close();
      expect(readdirSync('/proc/thread-self/net/dev_snmp6').length).toBe(outside);
    },
  );

  linuxTest(
    'what is started in namespaces has a network of its own and ends when its parent closes it',
    async () => {
      const child = spawnInNamespace('sh', ['-c', 'ls /proc/self/net/dev_snmp6; echo pid $$'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout!.on('data', (data: Buffer) => {
        output += data.toString();
      });
      await once(child, 'close');
      expect(output).toBe('lo\npid 1\n');
    },
  );
});
