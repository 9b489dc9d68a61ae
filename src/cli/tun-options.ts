/** The arguments of `halfopen tun`. */
import { parseArgs } from 'node:util';
import type { TunConditions } from '../linux/tun-host.ts';
import type { Say } from '../messages/message.ts';
import type { tunTexts } from '../messages/tun.ts';
import { parseAddress } from '../wire/address.ts';
import { visible } from '../wire/visible.ts';

/** Wrong usage; the message is for the user. */
export class TunUsage extends Error {}

/** What to do. */
export interface TunOptions {
  /** Where to connect to; null to serve. */
  readonly target: { readonly address: string; readonly port: number } | null;
  /** What runs beside the host; empty if nothing does. */
  readonly command: readonly string[];
  /** A device of this machine; null for a namespace of its own. */
  readonly device: string | null;
  readonly addresses: readonly string[];
  readonly kernelAddresses: readonly string[];
  readonly gateway: string | null;
  readonly port: number;
  readonly echoPort: number;
  readonly mtu: number;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ladder: boolean;
  readonly pcap: string | null;
  readonly conditions: TunConditions;
  readonly seed: number;
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const known = {
  dev: text,
  address: text,
  'kernel-address': text,
  gateway: text,
  port: text,
  'echo-port': text,
  mtu: text,
  sysctl: { ...text, multiple: true },
  ladder: flag,
  pcap: text,
  loss: text,
  delay: text,
  reorder: text,
  duplicate: text,
  seed: text,
  lang: text,
  help: { ...flag, short: 'h' },
} as const;

type Speaker = Say<typeof tunTexts>;

/**
 * @returns null if help is asked for
 * @throws TunUsage, or what node:util's parseArgs throws
 */
export function parseTun(args: readonly string[], say: Speaker): TunOptions | null {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  const { values, positionals } = parseArgs({ args: [...own], allowPositionals: true, options: known });
  if (values.help) return null;
  const number = (
    option: string,
    given: string | undefined,
    otherwise: number,
    min: number,
    max: number,
    whole = true,
  ): number => {
    const value = given === undefined ? otherwise : Number(given === '' ? Number.NaN : given);
    if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
    throw new TunUsage(say('badNumber', { option, min, max, text: visible(given ?? '') }));
  };
  const share = (option: string, given: string | undefined): number => number(option, given, 0, 0, 1, false);
  const list = (given: string): string[] => given.split(',').map((each) => prefixed(each, say));
  const device = values.dev ?? null;
  if (device !== null && !/^[\w.-]{1,15}$/.test(device))
    throw new TunUsage(say('badDevice', { text: visible(device) }));
  return {
    target: targetOf(positionals, say, (given) => number('PORT', given, 0, 1, 65_535)),
    command: end < 0 ? [] : args.slice(end + 1),
    device,
    addresses: list(values.address ?? '192.0.2.2/24,2001:db8::2/64'),
    kernelAddresses: list(values['kernel-address'] ?? '192.0.2.1/24,2001:db8::1/64'),
    gateway: values.gateway === undefined ? null : plain(values.gateway, say),
    port: number('--port', values.port, 8080, 1, 65_535),
    echoPort: number('--echo-port', values['echo-port'], 7, 1, 65_535),
    mtu: number('--mtu', values.mtu, 1500, 1280, 65_535),
    sysctls: sysctlsOf(values.sysctl ?? [], say),
    ladder: values.ladder ?? false,
    pcap: values.pcap ?? null,
    conditions: {
      loss: share('--loss', values.loss),
      reorder: share('--reorder', values.reorder),
      duplicate: share('--duplicate', values.duplicate),
      delayUs: Math.round(1000 * number('--delay', values.delay, 0, 0, 3_600_000, false)),
    },
    seed: number('--seed', values.seed, 1, 0, 2 ** 31 - 1),
  };
}

function targetOf(
  positionals: readonly string[],
  say: Speaker,
  port: (given: string) => number,
): TunOptions['target'] {
  const [verb, address, given, ...more] = positionals;
  if (verb === 'serve' && address === undefined) return null;
  if (verb !== 'connect' || address === undefined || given === undefined || more.length > 0)
    throw new TunUsage(say('verb'));
  return { address: plain(address, say), port: port(given) };
}

function plain(address: string, say: Speaker): string {
  try {
    parseAddress(address);
    return address;
  } catch {
    throw new TunUsage(say('badAddress', { text: visible(address), more: '' }));
  }
}

function prefixed(address: string, say: Speaker): string {
  const [, ip = '', prefix = ''] = /^([^/]*)\/(\d{1,3})$/.exec(address) ?? [];
  if (ip === '') throw new TunUsage(say('badAddress', { text: visible(address), more: say('withPrefix') }));
  plain(ip, say);
  if (Number(prefix) > (ip.includes(':') ? 128 : 32))
    throw new TunUsage(say('badAddress', { text: visible(address), more: say('withPrefix') }));
  return address;
}

function sysctlsOf(given: readonly string[], say: Speaker): Record<string, string> {
  return Object.fromEntries(
    given.map((each) => {
      const equals = each.indexOf('=');
      if (equals < 1) throw new TunUsage(say('badSysctl', { text: visible(each) }));
      return [each.slice(0, equals), each.slice(equals + 1)];
    }),
  );
}
