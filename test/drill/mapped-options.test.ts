import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runJob } from '../../src/cli/run-job.ts';
import { formatFailure } from '../../src/drill/index.ts';

// A script cannot say that it is for IPv4 on a socket of IPv6 alone. Passes on 6.18 (net/ipv4/ip_output.c ip_select_ttl).
const script = `
    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
   +0 setsockopt(3, SOL_IPV6, IPV6_UNICAST_HOPS, [3], 4) = 0
   +0 setsockopt(3, SOL_IPV6, IPV6_TCLASS, [8], 4) = 0
   +0 setsockopt(3, SOL_IP, IP_TOS, [0x28], 4) = 0
   +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
   +0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
   +0 > [tos 0x28] S 0:0(0) <...>
 +.02 < S. 0:0(0) ack 1 win 65535 <mss 1460>
   +0 > [tos 0x28] . 1:1(0) ack 1
   +0 getsockopt(3, SOL_IPV6, IPV6_TCLASS, [8], [4]) = 0
   +0 getsockopt(3, SOL_IP, IP_TTL, [64], [4]) = 0
`;

test('IPv4 on a socket of IPv6 has what IP_TTL and IP_TOS say, not what IPV6_UNICAST_HOPS and IPV6_TCLASS do', () => {
  const folder = mkdtempSync(join(tmpdir(), 'halfopen-mapped-'));
  const file = join(folder, 'mapped.pkt');
  try {
    for (const hops of ['[tos 0x28]', '[ttl 64]']) {
      writeFileSync(file, script.replaceAll('[tos 0x28]', hops));
      const { failure, text } = runJob({
        file,
        ip: 'ipv4-mapped-ipv6',
        defines: [],
        options: [],
        python: false,
        seed: 1,
        root: folder,
        untrusted: true,
        timeoutMs: 60_000,
      });
      expect(failure === null ? '' : formatFailure(failure, text)).toBe('');
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
