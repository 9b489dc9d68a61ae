/** Scripts as scenarios: what of the paths given can be compared, and why the rest cannot. */
import { basename, dirname, relative, resolve } from 'node:path';
import { configFor } from '../compare/player.ts';
import type { Observation, Scenario } from '../compare/scenario.ts';
import { NoScenario, scenarioOf } from '../compare/stimuli.ts';
import { configOf } from '../drill/config.ts';
import { DrillError, placeOf } from '../drill/failure.ts';
import { parseScript } from '../drill/parser.ts';
import type { CompareOptions, Speaker } from './compare-options.ts';
import { prepareJob } from './run-job.ts';
import { planRuns } from './run-plan.ts';

/** A script that is not compared. */
export interface LeftOut {
  readonly name: string;
  readonly ip: string;
  readonly why: string;
  /** Whether it parses all the same. */
  readonly parses: boolean;
}

export interface Scripts {
  readonly scenarios: readonly Scenario[];
  readonly leftOut: readonly LeftOut[];
  /** Commands that only other systems have. */
  readonly commands: readonly string[];
}

/** How long a scenario takes, s. */
const secondsOf = (scenario: Scenario): number =>
  ((scenario.steps.at(-1)?.atUs ?? 0) + scenario.afterUs) / 1e6;

const common = { defines: [], options: [], python: false, seed: 1, untrusted: false, timeoutMs: 60_000 };

export function scriptsOf(options: CompareOptions, say: Speaker): Scripts {
  const scenarios: Scenario[] = [];
  const leftOut: LeftOut[] = [];
  const commands: string[] = [];
  for (const planned of planRuns(options.paths, options.ips, common, options.root)) {
    const prepared = 'job' in planned ? prepareJob(planned.job) : planned.result;
    if ('failure' in prepared) {
      const { file, ip, failure, skipped } = prepared;
      leftOut.push({ name: file, ip, why: skipped ?? failure?.message ?? '', parses: false });
      continue;
    }
    const { file, text, defines, ipVersion = 'ipv4' } = prepared;
    const leave = (why: string, parses: boolean): void => {
      leftOut.push({ name: file, ip: ipVersion, why, parses });
    };
    try {
      const script = parseScript(text, new Map([['STANDARD', '1'], ...(defines ?? [])]));
      const config = configOf(ipVersion, script.options, [{ name: 'ip_version', value: ipVersion }]);
      const about = aboutOf(file, options.paths);
      const folder = resolve(options.from ?? dirname(file));
      const root = options.root ?? ('job' in planned && options.from === null ? planned.job.root : folder);
      const { scenario, leftOut: foreign } = scenarioOf(script, {
        name: file,
        about,
        ipVersion,
        mtu: config.mtu,
        text,
        folder,
        root,
      });
      configFor(scenario);
      commands.push(...foreign);
      if (secondsOf(scenario) > options.longest) leave(say('tooLong', { seconds: options.longest }), true);
      else scenarios.push(scenario);
    } catch (error) {
      if (error instanceof NoScenario) leave(say(error.reason, { value: error.value }), true);
      else if (error instanceof DrillError)
        leave(`${placeOf(text, Math.max(0, error.at)).line}: ${error.message}`, false);
      else throw error;
    }
  }
  // Those that take about as long go together: the kernel plays them in batches.
  scenarios.sort((a, b) => secondsOf(a) - secondsOf(b));
  return { scenarios, leftOut, commands };
}

/** What a script counts under: the folder that it is in, below the path given. */
function aboutOf(file: string, paths: readonly string[]): string {
  const base = paths.find((path) => file !== path && !relative(path, file).startsWith('..'));
  if (base === undefined) return basename(dirname(resolve(file)));
  const [first, ...rest] = relative(base, file).split('/');
  return rest.length > 0 ? first! : basename(resolve(base));
}

/** Whether what was done to a system, or what it did, has a SYN, a RST or a FIN. */
export function reachesSignals(scenario: Scenario, { seen }: Observation): boolean {
  const inbound = scenario.steps.some(
    ({ stimulus }) =>
      stimulus.kind === 'packet' &&
      stimulus.packet.kind === 'tcp' &&
      (stimulus.packet.flags.syn || stimulus.packet.flags.rst || stimulus.packet.flags.fin),
  );
  return inbound || seen.some((it) => it.kind === 'packet' && /[SRF]/.test(String(it.fields.flags ?? '')));
}
