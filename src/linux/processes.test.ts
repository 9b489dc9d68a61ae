import { describe, expect, test } from 'vitest';
import { cgroupNames } from './processes.ts';

describe('the cgroup of a process', () => {
  test('names its unit', () => {
    expect(cgroupNames('0::/system.slice/nginx.service\n')).toEqual({
      unit: 'nginx.service',
      container: null,
      pod: null,
    });
  });

  test('names its container and its pod', () => {
    const id = 'a'.repeat(12) + 'b'.repeat(52);
    const pod = '12345678-1234-1234-1234-123456789abc';
    const text = `0::/kubepods.slice/kubepods-pod${pod.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope\n`;
    expect(cgroupNames(text)).toEqual({ unit: null, container: 'a'.repeat(12), pod });
  });

  test('names nothing where there is nothing', () => {
    expect(cgroupNames('0::/\n')).toEqual({ unit: null, container: null, pod: null });
  });
});
