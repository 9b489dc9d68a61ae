/** The files in which the kernel counts lost segments, as text: each to counters by name. Pure. */
import type { DropRule, Host, NatUse } from './host.ts';
import type { PortRange } from './ports.ts';

/** Reads pairs of lines: `TcpExt: NAME NAME...` and `TcpExt: 1 2...` (netstat, snmp). Passes over what is not one. */
export function parseCounters(text: string, into: Map<string, number>): void {
  const lines = text.split('\n');
  for (let line = 0; line + 1 < lines.length; line++) {
    const [protocol, ...names] = lines[line]!.split(' ');
    const [again, ...values] = lines[line + 1]!.split(' ');
    if (!protocol?.endsWith(':') || protocol !== again || !/^-?\d+$/.test(values[0] ?? '')) continue;
    for (const [index, name] of names.entries()) {
      const value = Number(values[index]);
      if (Number.isFinite(value)) into.set(`${protocol.slice(0, -1)}.${name}`, value);
    }
    line++;
  }
}

/** Reads snmp6: a name and a number a line; `Ip6OutNoRoutes` becomes Ip6.OutNoRoutes. */
export function parseSnmp6(text: string, into: Map<string, number>): void {
  for (const [, name, value] of text.matchAll(/^Ip6(\w+)\s+(\d+)$/gm)) into.set(`Ip6.${name}`, Number(value));
}

/**
 * Reads a table of net/stat: names, then a line of hexadecimal numbers a CPU. Counters are added up; `entries` is the
 * whole table's size on every line.
 */
export function parseStat(text: string, prefix: string, into: Map<string, number>): void {
  const [header = '', ...rows] = text.trim().split('\n');
  const names = header.trim().split(/\s+/);
  for (const row of rows) {
    for (const [index, word] of row.trim().split(/\s+/).entries()) {
      const name = `${prefix}.${names[index]}`;
      if (names[index] === undefined || !/^[0-9a-f]+$/i.test(word)) continue;
      const value = Number.parseInt(word, 16);
      into.set(name, names[index] === 'entries' ? value : (into.get(name) ?? 0) + value);
    }
  }
}

/** Reads softnet_stat: a line a CPU, of which the second number counts packets that its backlog had no room for. */
export function parseSoftnet(text: string, into: Map<string, number>): void {
  let processed = 0;
  let dropped = 0;
  for (const line of text.trim().split('\n')) {
    const [first = '0', second = '0'] = line.trim().split(/\s+/);
    processed += Number.parseInt(first, 16) || 0;
    dropped += Number.parseInt(second, 16) || 0;
  }
  into.set('softnet.processed', processed);
  into.set('softnet.dropped', dropped);
}

/** Reads net/dev: packets, errors and drops of each interface, such as devices.eth0 received dropped. */
export function parseDevices(text: string, into: Map<string, number>): void {
  for (const [, name, rest] of text.matchAll(/^\s*([^\s:]+):\s*(.*)$/gm)) {
    const numbers = rest!.trim().split(/\s+/).map(Number);
    const columns: [string, number][] = [
      ['rx_packets', 1],
      ['rx_errors', 2],
      ['rx_dropped', 3],
      ['tx_packets', 9],
      ['tx_errors', 10],
      ['tx_dropped', 11],
    ];
    for (const [column, at] of columns) {
      const value = numbers[at];
      if (value !== undefined && Number.isFinite(value)) into.set(`devices.${name}.${column}`, value);
    }
  }
}

/** Reads sockstat: `TCP: inuse 5 orphan 0 ... mem 3`. */
export function parseSockstat(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [protocol = '', ...words] = line.trim().split(/\s+/);
    for (let at = 0; at + 1 < words.length; at += 2) {
      values.set(`${protocol.replace(':', '')}.${words[at]}`, Number(words[at + 1]));
    }
  }
  return values;
}

/** Reads `tc -s -j qdisc show`. @throws SyntaxError if it is no JSON */
export function parseQdiscs(text: string, into: Map<string, number>): void {
  for (const { kind, dev, drops, packets } of JSON.parse(text) as Record<string, unknown>[]) {
    if (typeof drops !== 'number' || drops === 0) continue;
    const name = `qdisc.${kind} on ${dev}`;
    into.set(`${name}.drops`, (into.get(`${name}.drops`) ?? 0) + drops);
    into.set(`${name}.packets`, (into.get(`${name}.packets`) ?? 0) + Number(packets));
  }
}

interface NftObject {
  readonly chain?: { family: string; table: string; name: string; hook?: string; policy?: string };
  readonly rule?: NftRule;
}
interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly expr: NftExpression[];
}
type NftExpression = Record<string, unknown>;

/** A rule that drops or rejects, and what its counter stands at; null if it has none. */
interface CountedRule extends Omit<DropRule, 'packets'> {
  readonly packets: number | null;
}

/** What of a firewall concerns connections: rules that take packets away, and ports that it gives to translated ones. */
export interface Rules {
  readonly drops: readonly CountedRule[];
  /** Chains whose policy is to drop. */
  readonly policies: Host['dropPolicies'];
  readonly natRanges: readonly PortRange[];
}

/** Reads `nft -j list ruleset`. @throws SyntaxError if it is no JSON */
export function parseRules(text: string): Rules {
  const objects = (JSON.parse(text) as { nftables: NftObject[] }).nftables;
  const hooks = new Map<string, string>();
  for (const { chain } of objects) {
    if (chain?.hook) hooks.set(`${chain.family} ${chain.table} ${chain.name}`, chain.hook);
  }
  return {
    policies: objects.flatMap(({ chain }) =>
      chain?.hook && chain.policy === 'drop'
        ? [{ place: `${chain.family} ${chain.table} ${chain.name}`, hook: chain.hook }]
        : [],
    ),
    drops: objects.flatMap(({ rule }) => (rule === undefined ? [] : dropRule(rule, hooks))),
    natRanges: objects.flatMap(({ rule }) => (rule?.expr ?? []).flatMap(natRange)),
  };
}

function dropRule(rule: NftRule, hooks: ReadonlyMap<string, string>): CountedRule[] {
  const expressions = rule.expr;
  const drops = expressions.some((one) => 'drop' in one);
  if (!drops && !expressions.some((one) => 'reject' in one)) return [];
  const chain = `${rule.family} ${rule.table} ${rule.chain}`;
  const counter = expressions.find((one) => 'counter' in one)?.counter as { packets?: number } | undefined;
  return [
    {
      place: `${chain} handle ${rule.handle}`,
      hook: hooks.get(chain) ?? '',
      verdict: drops ? 'drop' : 'reject',
      ports: matchedPorts(expressions),
      packets: typeof counter?.packets === 'number' ? counter.packets : null,
    },
  ];
}

/** The ports of a statement `masquerade to :P-Q` or `snat to ADDRESS:P-Q`. */
function natRange(expression: NftExpression): PortRange[] {
  const statement = (expression.masquerade ?? expression.snat) as { port?: unknown } | null | undefined;
  const range = statement?.port === undefined ? null : portsOf(statement.port);
  return range === null ? [] : [range];
}

/** The ports of `tcp dport` of a rule; null if it has no such match, or one of another form. */
function matchedPorts(expressions: readonly NftExpression[]): PortRange[] | null {
  for (const { match } of expressions) {
    const { left, right, op } = (match ?? {}) as { left?: NftExpression; right?: unknown; op?: string };
    const payload = left?.payload as { protocol?: string; field?: string } | undefined;
    if (payload?.protocol !== 'tcp' || payload.field !== 'dport' || op !== '==') continue;
    const set = (right as { set?: unknown[] } | null)?.set;
    const ranges = (Array.isArray(set) ? set : [right]).map(portsOf);
    return ranges.every((range) => range !== null) ? ranges : null;
  }
  return null;
}

function portsOf(value: unknown): PortRange | null {
  if (typeof value === 'number') return { first: value, last: value };
  const range = (value as { range?: unknown[] } | null)?.range;
  if (!Array.isArray(range)) return null;
  const [first, last] = range.map(Number);
  return first !== undefined && last !== undefined ? { first, last } : null;
}

/** Reads net/nf_conntrack: how many source ports NAT holds for each destination, the most first. */
export function parseNatUse(text: string): NatUse[] {
  const uses = new Map<string, Set<number>>();
  const line =
    /\btcp\b.*?\bsrc=(\S+) dst=(\S+) sport=(\d+) dport=(\d+).*?\bsrc=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/;
  for (const row of text.split('\n')) {
    const match = line.exec(row);
    // Source NAT: the answer goes to another address than the first packet came from.
    if (match === null || match[1] === match[6]) continue;
    const key = `${match[6]} ${match[5]}:${match[7]}`;
    const ports = uses.get(key) ?? new Set();
    if (ports.size === 0) uses.set(key, ports);
    ports.add(Number(match[8]));
  }
  return [...uses]
    .map(([key, ports]) => {
      const [from = '', to = ''] = key.split(' ');
      const sorted = [...ports].sort((a, b) => a - b);
      return { from, to, ports: ports.size, first: sorted[0]!, last: sorted.at(-1)! };
    })
    .sort((a, b) => b.ports - a.ports);
}

/** Reads net/arp: IPv4 neighbours that did not answer (flags 0). */
export function parseUnresolved(text: string): { address: string; device: string }[] {
  return [...text.matchAll(/^(\d+\.\d+\.\d+\.\d+)\s+0x\w+\s+0x0\s.*?(\S+)\s*$/gm)].map(
    ([, address, device]) => ({ address: address!, device: device! }),
  );
}

const word = (text: string): string =>
  [6, 4, 2, 0].map((at) => Number.parseInt(text.slice(at, at + 2), 16)).join('.');

/** Reads net/route: IPv4 destinations that a route refuses (RTF_REJECT), and whether there is a default route. */
export function parseRoutes(text: string): { refused: string[]; hasDefault: boolean } {
  const refused: string[] = [];
  let hasDefault = false;
  for (const row of text.split('\n').slice(1)) {
    const [, destination = '', , flags = '0', , , , mask = ''] = row.split(/\s+/);
    if (destination.length !== 8) continue;
    const bits = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === '1').length;
    if ((Number.parseInt(flags, 16) & 0x200) !== 0) refused.push(`${word(destination)}/${bits}`);
    else if (destination === '00000000' && mask === '00000000') hasDefault = true;
  }
  return { refused, hasDefault };
}
