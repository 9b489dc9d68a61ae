/** The kernel's reasons for dropping packets (kfree_skb) that concern connection attempts. */
import type { TraceFormat } from './trace-page.ts';

/** The kernel's words for drops that can take a SYN away or tell of it. */
const dropWords: readonly string[] = [
  ...[
    'NETFILTER_DROP',
    'IP_RPFILTER',
    'TCP_CSUM',
    'IP_OUTNOROUTES',
    'IP_INNOROUTES',
    'NEIGH_FAILED',
    'NEIGH_QUEUEFULL',
  ],
  ...[
    'NEIGH_CREATEFAIL',
    'TCP_LISTEN_OVERFLOW',
    'BPF_CGROUP_EGRESS',
    'SOCKET_FILTER',
    'XFRM_POLICY',
    'IP_CSUM',
  ],
  ...[
    'IP_INHDR',
    'IP_INADDRERRORS',
    'IP_LOCAL_SOURCE',
    'IP_INVALID_SOURCE',
    'IP_LOCALNET',
    'IP_INVALID_DEST',
  ],
  ...[
    'TC_EGRESS',
    'TC_INGRESS',
    'XDP',
    'QDISC_DROP',
    'CPU_BACKLOG',
    'SECURITY_HOOK',
    'PROTO_MEM',
    'TCP_MD5NOTFOUND',
  ],
  ...[
    'TCP_MINTTL',
    'NOMEM',
    'TCP_INVALID_SYN',
    'TCP_MD5UNEXPECTED',
    'TCP_MD5FAILURE',
    'TCP_AONOTFOUND',
    'FULL_RING',
  ],
];

/** What the kernel shall keep of kfree_skb: the reasons that matter here, by this kernel's numbers. */
export function dropFilter({ symbols }: Pick<TraceFormat, 'symbols'>): string {
  const numbers = [...symbols].filter(([, word]) => dropWords.includes(word)).map(([number]) => number);
  // Kernels before 5.17 have no reasons, and a drop without one says nothing.
  return numbers.length > 0
    ? numbers.map((number) => `reason == ${number}`).join(' || ')
    : 'protocol == 0xffff';
}
