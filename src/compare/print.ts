/** A scenario as a script that holds what one system answered. */
import { errnoName, errnoText } from '../drill/errors.ts';
import type { Observation, Scenario, SeenResult } from './scenario.ts';

const seconds = (us: number): string => (us / 1e6).toFixed(4).padStart(9);

/** The script. @param comment lines to begin with, without slashes */
export function scriptOf(scenario: Scenario, oracle: Observation, comment: readonly string[] = []): string {
  const lines: { readonly atUs: number; readonly text: string }[] = [];
  const results = new Map(
    oracle.seen.filter((it): it is SeenResult => it.kind === 'result').map((it) => [it.step, it.fields]),
  );
  const several = scenario.flows.length > 1;
  scenario.steps.forEach(({ stimulus, atUs }, i) => {
    const result = results.get(i) ?? {};
    const at = oracle.stepsAtUs[i] ?? atUs;
    switch (stimulus.kind) {
      case 'packet':
        lines.push({
          atUs: at,
          text: `< ${several ? withPorts(stimulus.text, 40000 + stimulus.flow) : stimulus.text}`,
        });
        break;
      case 'sysctl':
        lines.push({ atUs: at, text: `\`sysctl -q -w ${stimulus.name}="${stimulus.value}"\`` });
        break;
      case 'command':
        lines.push({ atUs: at, text: `\`${stimulus.text}\`` });
        break;
      case 'look':
        lines.push({
          atUs: at,
          text: `%{ print(${stimulus.fd}) }% // ${JSON.stringify(result).replaceAll('tcpi_', '')}`,
        });
        break;
      case 'call': {
        const { value = 0, errno = 0, ...more } = result;
        const failed =
          Number(errno) !== 0 ? ` ${errnoName(Number(errno))} (${errnoText(Number(errno))})` : '';
        const got = value === 'fd' ? callFd(stimulus.call.result) : value;
        const said = Object.keys(more).length > 0 ? ` // ${JSON.stringify(more)}` : '';
        lines.push({ atUs: at, text: `${stimulus.text} = ${got}${failed}${said}` });
        break;
      }
    }
  });
  for (const it of oracle.seen) {
    if (it.kind !== 'packet') continue;
    const ports = several && it.flow >= 0 ? `8080 > ${40000 + it.flow} ` : '';
    lines.push({ atUs: it.atUs, text: it.flow >= 0 ? `> ${ports}${it.text}` : `// > ${it.text}` });
  }
  const body = lines
    .sort((a, b) => a.atUs - b.atUs)
    .map(({ atUs, text }) => (text.startsWith('//') ? text : `${seconds(atUs)} ${text}`));
  const head = [
    ...comment.map((line) => `// ${line}`),
    ...(scenario.ipVersion === 'ipv4-mapped-ipv6' ? ['// run with --ip mapped'] : []),
    '--tolerance_usecs=100000',
    '--tcp_ts_ecr_scaled',
    ...(scenario.ipVersion === 'ipv4-mapped-ipv6' ? [] : [`--ip_version=${scenario.ipVersion}`]),
  ];
  return `${[...head, ...body].join('\n')}\n`;
}

/** A packet's text with the ports of its connection, behind what it says of the IP header. ICMP has none. */
function withPorts(text: string, peerPort: number): string {
  if (text.startsWith('icmp')) return `${text} // of port ${peerPort}`;
  return text.replace(/^(\[\w+\] )?/, `$1${peerPort} > 8080 `);
}

const callFd = (result: { readonly kind: string; readonly value?: unknown }): string =>
  result.kind === 'integer' ? String(result.value) : '0';
