/** The addresses that `...` stands for in a script's calls, as a run's configuration has them. */
import type { CallContext } from './call-arguments.ts';
import type { DrillConfig } from './config.ts';
import type { SocketAddress } from './system-under-test.ts';

const inet = 2;
const inet6 = 10;

/** The family of sockets, and where bind() and connect() go; a mapped run has IPv4 addresses in IPv6 sockets. */
export function callAddresses(
  config: DrillConfig,
): Pick<CallContext, 'domain' | 'bindAddress' | 'connectAddress'> {
  const mapped = config.ipVersion === 'ipv4-mapped-ipv6';
  const family = config.ipVersion === 'ipv4' ? inet : inet6;
  const address = (ip: string, port: number): SocketAddress => ({
    family,
    ip: mapped ? `::ffff:${ip}` : ip,
    port,
  });
  return {
    domain: family,
    bindAddress: address(config.localIp, config.bindPort),
    connectAddress: address(config.remoteIp, config.connectPort),
  };
}
