/** A report in Prometheus' text exposition format 0.0.4. */
import { severities } from './check.ts';
import { connectTimeoutSeconds, type Report } from './report.ts';

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

function metricText({ name, help, samples }: Metric): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`];
  for (const { labels, value } of samples) {
    // The values are ids and severities: letters and hyphens, nothing that needs escaping.
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    lines.push(`${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The report as metrics. A check that found nothing has a 0, so that an alert can tell "clean" from "not looked". */
export function prometheusReport({ host, examination, accepted }: Report): string {
  const { checks, found, unknown } = examination;
  const perCheck = (count: (id: string) => number): Metric['samples'] =>
    checks.map(({ id }) => ({ labels: { check: id }, value: count(id) }));
  const timeout = connectTimeoutSeconds(host);
  const metrics: Metric[] = [
    {
      name: 'halfopen_doctor_findings',
      help: 'Findings of the last run by check and severity, without accepted ones.',
      samples: checks.flatMap(({ id }) =>
        severities.map((severity) => ({
          labels: { check: id, severity },
          value: found.filter((finding) => finding.check.id === id && finding.severity === severity).length,
        })),
      ),
    },
    {
      name: 'halfopen_doctor_accepted',
      help: 'Findings of the last run that the file of accepted findings lists.',
      samples: perCheck((id) => accepted.filter((finding) => finding.check.id === id).length),
    },
    {
      name: 'halfopen_doctor_unknown',
      help: 'Things that the check could not find out in the last run.',
      samples: perCheck((id) => unknown.filter(({ check }) => check.id === id).length),
    },
    {
      name: 'halfopen_doctor_sockets',
      help: 'TCP sockets read in the last run.',
      samples: [{ labels: {}, value: host.sockets.sockets.length }],
    },
  ];
  if (timeout !== null) {
    metrics.push({
      name: 'halfopen_doctor_connect_timeout_seconds',
      help: 'How long connect() to an address that does not answer takes to fail.',
      samples: [{ labels: {}, value: timeout }],
    });
  }
  return metrics.map(metricText).join('');
}

/** Whether a resident doctor could look the last time. */
export const doctorUp = (up: 0 | 1): string =>
  `# HELP halfopen_doctor_up Whether the doctor could look the last time.\n# TYPE halfopen_doctor_up gauge\nhalfopen_doctor_up ${up}\n`;
