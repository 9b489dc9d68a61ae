/** All checks, and the settings that they look at. */
import type { Check } from './check.ts';
import { arrivalChecks } from './checks/arrivals.ts';
import { dropChecks } from './checks/drops.ts';
import { limitChecks } from './checks/limits.ts';
import { lostSynChecks } from './checks/lost-syns.ts';
import { pathChecks } from './checks/path.ts';
import { portChecks } from './checks/ports.ts';
import { processChecks } from './checks/processes.ts';
import { queueChecks } from './checks/queues.ts';
import { stateChecks } from './checks/state.ts';

/** Every check. Findings of the same severity are reported in this order. */
export const checks: readonly Check[] = [
  ...portChecks,
  ...processChecks,
  ...queueChecks,
  ...lostSynChecks,
  ...arrivalChecks,
  ...dropChecks,
  ...limitChecks,
  ...pathChecks,
  ...stateChecks,
];

/** The settings that the checks look at: what a collector has to read. */
export const settings: readonly string[] = [
  'net.core.somaxconn',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_abort_on_overflow',
  'net.ipv4.neigh.default.gc_thresh3',
  'net.ipv4.tcp_max_orphans',
  'net.ipv4.tcp_max_syn_backlog',
  'net.ipv4.tcp_max_tw_buckets',
  'net.ipv4.tcp_mem',
  'net.ipv4.tcp_mtu_probing',
  'net.ipv4.tcp_rto_max_ms',
  'net.ipv4.tcp_sack',
  'net.ipv4.tcp_syn_linear_timeouts',
  'net.ipv4.tcp_syn_retries',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_timestamps',
  'net.ipv4.tcp_tw_reuse',
  'net.ipv4.tcp_window_scaling',
  'net.ipv6.neigh.default.gc_thresh3',
  'net.netfilter.nf_conntrack_count',
  'net.netfilter.nf_conntrack_max',
];
