import { describe, expect, test } from 'vitest';
import { Errno } from '../tcp/errno.ts';
import { defaultTcpSysctls } from '../tcp/sysctls.ts';
import { Sysctls } from './sysctl.ts';

const name = (short: string): string => `net.ipv4.${short}`;

describe('sysctls', () => {
  test('have 6.18 defaults', () => {
    const sysctls = new Sysctls();
    expect(sysctls.read('net.ipv4.tcp_syn_retries')).toBe('6');
    expect(sysctls.read('net/ipv4/tcp_syn_linear_timeouts')).toBe('4');
    expect(sysctls.read('net.ipv4.ip_local_port_range')).toBe('32768\t60999');
    expect(sysctls.read('net.ipv4.tcp_rmem')).toBe('4096\t131072\t33554432');
    expect(sysctls.read('net.core.somaxconn')).toBe('4096');
    expect(sysctls.read('net.ipv4.ip_local_reserved_ports')).toBe('');
    expect(sysctls.read('net.ipv4.tcp_nonsense')).toBe(-Errno.ENOENT);
    expect(sysctls.write('net.ipv4.tcp_nonsense', '1')).toBe(-Errno.ENOENT);
  });

  test('give every value of the protocol a name', () => {
    const sysctls = new Sysctls();
    for (const short of Object.keys(defaultTcpSysctls()))
      expect(sysctls.read(short === 'rmem_max' ? 'net.core.rmem_max' : name(short)), short).toBeTypeOf(
        'string',
      );
  });

  // Each row was written to a 6.18 kernel in a namespace: what the write returned, and what reading then gave.
  const { EINVAL, ENOENT, EACCES } = Errno;
  const measured: [string, string, number, string][] = [
    ['tcp_syn_retries', '7', 0, '7'],
    ['tcp_syn_retries', '0', -EINVAL, '6'],
    ['tcp_syn_retries', '128', -EINVAL, '6'],
    ['tcp_syn_retries', '7x', -EINVAL, '6'],
    ['tcp_syn_retries', '1.5', -EINVAL, '6'],
    ['tcp_syn_retries', '0x8', 0, '8'],
    ['tcp_syn_retries', '010', 0, '8'],
    ['tcp_syn_retries', '  9 ', 0, '9'],
    ['tcp_syn_retries', '5 7', 0, '5'],
    ['tcp_syn_retries', '', 0, '6'],
    ['tcp_ecn', '3', -EINVAL, '2'],
    ['tcp_fin_timeout', '-1', 0, '-1'],
    ['tcp_rmem', '4096 131072 6291456', 0, '4096\t131072\t6291456'],
    ['tcp_rmem', '0 1 2', -EINVAL, '4096\t131072\t33554432'],
    ['tcp_rmem', '5 4 3', 0, '5\t4\t3'],
    ['tcp_rmem', '1 2 3 4', 0, '1\t2\t3'],
    ['tcp_congestion_control', 'reno', 0, 'reno'],
    ['tcp_congestion_control', 'foo', -ENOENT, 'cubic'],
    ['tcp_available_congestion_control', 'x', -EACCES, 'reno cubic'],
    ['tcp_fastopen_key', '1-2-3-4', 0, '00000001-00000002-00000003-00000004'],
    ['tcp_fastopen_key', '1-2-3', -EINVAL, '00000000-00000000-00000000-00000000'],
    ['ip_local_port_range', '50000 50000', 0, '50000\t50000'],
    ['ip_local_port_range', '50001 50000', -EINVAL, '32768\t60999'],
    ['ip_local_port_range', '1 65535', -EINVAL, '32768\t60999'],
    ['ip_local_port_range', '5', -EINVAL, '32768\t60999'],
    ['ip_local_port_range', '5 6 7', -EINVAL, '32768\t60999'],
    ['ip_local_reserved_ports', '50000,50010-50012', 0, '50000,50010-50012'],
    ['ip_local_reserved_ports', '1,2,3-4,', 0, '1-4'],
    ['ip_local_reserved_ports', '10-12,11-20', 0, '10-20'],
    ['ip_local_reserved_ports', '5-3', -EINVAL, ''],
    ['ip_local_reserved_ports', '1 2', -EINVAL, ''],
    ['ip_local_reserved_ports', '65536', -EINVAL, ''],
  ];
  test.each(measured)('%s takes %j as Linux does', (short, text, result, after) => {
    const sysctls = new Sysctls();
    expect(sysctls.write(name(short), text)).toBe(result);
    expect(sysctls.read(name(short))).toBe(after);
  });

  test('set says what was wrong', () => {
    const sysctls = new Sysctls();
    expect(() => sysctls.set('net.ipv4.tcp_ecn', 9)).toThrow("sysctl net.ipv4.tcp_ecn cannot be '9'");
    expect(() => sysctls.set('net.ipv4.tcp_enc', 1)).toThrow("there is no sysctl 'net.ipv4.tcp_enc'");
    sysctls.set('net.ipv4.tcp_ecn', 1);
    expect(sysctls.tcp.tcp_ecn).toBe(1);
  });
});
