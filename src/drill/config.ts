/** The settings of a run: packetdrill's own options, from the command line or from `--name=value` lines of a script. */
import type { ScriptOption } from './ast.ts';
import { DrillError } from './failure.ts';
import { isIpv6 } from './lexer.ts';
import type { DrillNetwork, IpVersion } from './system-under-test.ts';

export interface DrillConfig {
  ipVersion: IpVersion;
  /** Port that `bind(3, ..., ...)` takes and that peers connect to. */
  bindPort: number;
  /** Port that `connect(3, ..., ...)` goes to. */
  connectPort: number;
  localIp: string;
  remoteIp: string;
  gatewayIp: string;
  prefixLength: number;
  /** The local interface's MTU, bytes. */
  mtu: number;
  /** How early or late an event may be: at least this, µs ... */
  toleranceUs: number;
  /** ... or this share of the time since the event before, if that is more, per cent. */
  tolerancePercent: number;
  /** Outbound timestamps are checked if this is not 0: µs a tick. */
  tsTickUs: number;
  /** Inbound timestamp echoes need no earlier outbound timestamp of that very value. */
  tsEcrScaled: boolean;
  /** Segments are not joined until they have the expected length. */
  strictSegments: boolean;
  /** Failed packets or calls are told and passed over. */
  nonFatal: Set<'packet' | 'syscall'>;
  /** Parse only. */
  dryRun: boolean;
  verbose: boolean;
  /** Shell scripts to run before the script's own init command. */
  initScripts: readonly string[];
}

/** The network of packetdrill's own runner for each of the three address set-ups, and its tolerances. */
export function defaultConfig(ipVersion: IpVersion = 'ipv4'): DrillConfig {
  const six = ipVersion === 'ipv6';
  return {
    ipVersion,
    bindPort: 8080,
    connectPort: 8080,
    localIp: six ? 'fd3d:a0b:17d6::1' : '192.168.0.1',
    remoteIp: six ? 'fd3d:fa7b:d17d::1' : '192.0.2.1',
    gatewayIp: six ? 'fd3d:a0b:17d6:8888::1' : '192.168.0.1',
    prefixLength: six ? 48 : 16,
    mtu: six ? 1520 : 1500,
    toleranceUs: 4000,
    tolerancePercent: 12.5,
    tsTickUs: 0,
    tsEcrScaled: false,
    strictSegments: false,
    nonFatal: new Set(),
    dryRun: false,
    verbose: false,
    initScripts: [],
  };
}

/** What the system under test is told of the network. */
export const networkOf = (config: DrillConfig): DrillNetwork => ({
  ipVersion: config.ipVersion,
  localIp: config.localIp,
  remoteIp: config.remoteIp,
  gatewayIp: config.gatewayIp,
  prefixLength: config.prefixLength,
  mtu: config.mtu,
});

/** Options of packetdrill that make no difference in virtual time, and whether they take a value. */
const withoutEffect: Readonly<Record<string, boolean>> = {
  speed: true,
  mss: true,
  code_command: true,
  code_format: true,
  code_sockopt: true,
  is_anyip: false,
  send_omit_free: false,
  debug: false,
};

const flags: Readonly<Record<string, (config: DrillConfig) => void>> = {
  tcp_ts_ecr_scaled: (config) => {
    config.tsEcrScaled = true;
  },
  strict_segments: (config) => {
    config.strictSegments = true;
  },
  dry_run: (config) => {
    config.dryRun = true;
  },
  verbose: (config) => {
    config.verbose = true;
  },
};

type Setter = (config: DrillConfig, value: string) => boolean;

function integer(max: number, set: (config: DrillConfig, value: number) => void): Setter {
  return (config, value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number > max) return false;
    set(config, number);
    return true;
  };
}

function address(set: (config: DrillConfig, ip: string) => void): Setter {
  return (config, value) => {
    const ip = value.replace(/\/\d+$/, '');
    if (!isIpv6(ip) && !/^\d{1,3}(\.\d{1,3}){3}$/.test(ip)) return false;
    set(config, ip);
    return true;
  };
}

const setters: Readonly<Record<string, Setter>> = {
  ip_version: (config, value) => {
    if (value !== 'ipv4' && value !== 'ipv4-mapped-ipv6' && value !== 'ipv6') return false;
    if (value !== config.ipVersion) {
      const { localIp, remoteIp, gatewayIp, prefixLength, mtu } = defaultConfig(value);
      Object.assign(config, { ipVersion: value, localIp, remoteIp, gatewayIp, prefixLength, mtu });
    }
    return true;
  },
  bind_port: integer(65535, (config, value) => {
    config.bindPort = value;
  }),
  connect_port: integer(65535, (config, value) => {
    config.connectPort = value;
  }),
  mtu: integer(65535, (config, value) => {
    config.mtu = value;
  }),
  tolerance_usecs: integer(1e12, (config, value) => {
    config.toleranceUs = value;
  }),
  tcp_ts_tick_usecs: integer(1e6, (config, value) => {
    config.tsTickUs = value;
  }),
  tolerance_percent: (config, value) => {
    if (!/^\d+(\.\d*)?$/.test(value)) return false;
    config.tolerancePercent = Number(value);
    return true;
  },
  local_ip: address((config, ip) => {
    config.localIp = ip;
  }),
  remote_ip: address((config, ip) => {
    config.remoteIp = ip;
  }),
  gateway_ip: address((config, ip) => {
    config.gatewayIp = ip;
  }),
  netmask_ip: (config, value) => {
    if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(value)) return false;
    const octets = value.split('.').map((it) => Number(it).toString(2).padStart(8, '0'));
    const ones = /^(1*)0*$/.exec(octets.join(''))?.[1];
    if (ones === undefined || octets.some((it) => it.length > 8)) return false;
    config.prefixLength = ones.length;
    return true;
  },
  non_fatal: (config, value) => {
    for (const kind of value.split(/[, ]+/)) {
      if (kind !== 'packet' && kind !== 'syscall') return false;
      config.nonFatal.add(kind);
    }
    return true;
  },
  init_scripts: (config, value) => {
    config.initScripts = value.split(',').filter((it) => it !== '');
    return true;
  },
};

/** The options of packetdrill that can be given here, without dashes. */
export const optionNames = (): string[] =>
  [...Object.keys(setters), ...Object.keys(flags), ...Object.keys(withoutEffect)].sort();

/** Whether an option of packetdrill takes a value; null if packetdrill has none of this name, or it cannot work here. */
export function optionTakesValue(name: string): boolean | null {
  if (Object.hasOwn(setters, name) || name === 'define') return true;
  if (Object.hasOwn(flags, name)) return false;
  return Object.hasOwn(withoutEffect, name) ? withoutEffect[name]! : null;
}

/**
 * Applies one option.
 * @returns what is wrong with it, or null
 */
export function applyOption(config: DrillConfig, name: string, value: string | null): string | null {
  if (name === 'define') return null;
  if (/^(wire_|so_)|^psp_udp_port$/.test(name)) {
    return `option '--${name}' is about the C program's own ways to reach a system and does not exist here`;
  }
  const takesValue = optionTakesValue(name);
  if (takesValue === null) return `option '${name}' unknown`;
  if (takesValue && value === null) return `option '${name}' requires an argument`;
  if (!takesValue && value !== null) return `option '${name}' forbids an argument`;
  if (!takesValue) flags[name]?.(config);
  else if (setters[name]?.(config, value!) === false) return `bad --${name}: ${value}`;
  return null;
}

/**
 * The settings of one run.
 * @param commandLine options given outside the script; they win over the script's own
 * @throws DrillError of kind semantic for an option of the script that is unknown or has a bad value
 */
export function configOf(
  ipVersion: IpVersion,
  script: readonly ScriptOption[],
  commandLine: readonly { readonly name: string; readonly value: string | null }[],
): DrillConfig {
  const config = defaultConfig(ipVersion);
  for (const { name, value, at } of script) {
    const problem = applyOption(config, name, value);
    if (problem !== null) throw new DrillError('semantic', `semantic error: ${problem}`, at);
  }
  for (const { name, value } of commandLine) applyOption(config, name, value);
  const stray = [config.localIp, config.remoteIp, config.gatewayIp].find(
    (ip) => isIpv6(ip) !== (config.ipVersion === 'ipv6'),
  );
  if (stray !== undefined) {
    const at = script.find(({ value }) => value?.startsWith(stray))?.at;
    throw new DrillError(
      'semantic',
      `semantic error: address ${stray} in a run with ${config.ipVersion}`,
      at,
    );
  }
  return config;
}
