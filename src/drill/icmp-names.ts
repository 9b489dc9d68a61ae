/** ICMP types and codes by the names scripts use (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812, RFC 4443). */
import type { IcmpSpec } from './ast.ts';
import { DrillError } from './failure.ts';

interface TypeNames {
  readonly type: number;
  readonly codes?: Readonly<Record<string, number>>;
}

const v4: Readonly<Record<string, TypeNames>> = {
  echo_reply: { type: 0 },
  unreachable: {
    type: 3,
    codes: {
      net_unreachable: 0,
      host_unreachable: 1,
      protocol_unreachable: 2,
      port_unreachable: 3,
      frag_needed: 4,
      source_route_failed: 5,
      net_unknown: 6,
      host_unknown: 7,
      source_host_isolated: 8,
      net_prohibited: 9,
      host_prohibited: 10,
      net_unreachable_for_tos: 11,
      host_unreachable_for_tos: 12,
      packet_filtered: 13,
      precedence_violation: 14,
      precedence_cutoff: 15,
    },
  },
  source_quench: { type: 4 },
  redirect: { type: 5 },
  echo_request: { type: 8 },
  time_exceeded: { type: 11 },
  parameter_problem: { type: 12 },
  timestamp_request: { type: 13 },
  timestamp_reply: { type: 14 },
  information_request: { type: 15 },
  information_reply: { type: 16 },
  address_mask_request: { type: 17 },
  address_mask_reply: { type: 18 },
};

const v6: Readonly<Record<string, TypeNames>> = {
  unreachable: {
    type: 1,
    codes: {
      net_unreachable: 0,
      no_route: 0,
      admin_prohibited: 1,
      not_neighbour: 2,
      address_unreachable: 3,
      port_unreachable: 4,
    },
  },
  packet_too_big: { type: 2 },
  time_exceeded: { type: 3, codes: { exceeded_hop_limit: 0, exceeded_frag_time: 1 } },
  parameter_problem: { type: 4, codes: { header_field: 0, unknown_next_header: 1, unknown_option: 2 } },
  echo_request: { type: 128 },
  echo_reply: { type: 129 },
};

const numbered = (text: string, prefix: string): number | undefined => {
  const digits = text.startsWith(prefix) ? text.slice(prefix.length) : '';
  return /^\d+$/.test(digits) && Number(digits) < 256 ? Number(digits) : undefined;
};

/** @throws DrillError of kind semantic, naming what is unknown or does not fit the type */
export function icmpNumbers(spec: IcmpSpec, family: 4 | 6): { type: number; code: number } {
  const fail = (message: string): DrillError =>
    new DrillError('semantic', `semantic error: ${message}`, spec.at);
  const names = (family === 4 ? v4 : v6)[spec.type];
  const type = numbered(spec.type, 'type_') ?? names?.type;
  if (type === undefined) throw fail(`bad ICMP type ${spec.type}`);
  const code = spec.code === null ? 0 : (numbered(spec.code, 'code_') ?? names?.codes?.[spec.code]);
  if (code === undefined) throw fail(`bad ICMP code ${spec.code}`);
  if (spec.mtu >= 0) {
    if (family === 4 && (type !== 3 || code !== 4)) {
      throw fail('ICMPv4 MTU is only valid for unreachable-frag_needed');
    }
    if (family === 4 && spec.mtu > 0xffff) throw fail('ICMPv4 MTU out of 16-bit range');
    if (family === 6 && (type !== 2 || code !== 0))
      throw fail('ICMPv6 MTU is only valid for packet_too_big-0');
  }
  return { type, code };
}
