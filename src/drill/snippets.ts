/**
 * Snippets of a script: what they may look at is taken when they are due, and all of them run at the end, in order,
 * with one set of variables.
 */
import { DrillError } from './failure.ts';
import { runPython } from './python.ts';
import type { PyValue } from './python-values.ts';
import { type Steps, settled } from './steps.ts';
import type { AsyncSystemUnderTest, InfoKind } from './system-under-test.ts';

export interface Snippet {
  readonly text: string;
  /** Line of the script its first line stands on. */
  readonly line: number;
  readonly at: number;
  /** The fields of TCP_INFO and the like when it was due. */
  readonly variables: ReadonlyMap<string, number>;
}

/** Runs all snippets some other way (the real python3); the result is what failed, or null. */
export type PythonRunner = (
  file: string,
  constants: ReadonlyMap<string, number>,
  snippets: readonly Snippet[],
) => { readonly output: string; readonly error: { readonly message: string; readonly line: number } | null };

/** Names that snippets may use for numbers (include/net/tcp_states.h, include/uapi/linux/tcp.h). */
export const constants: ReadonlyMap<string, number> = new Map(
  Object.entries({
    TCP_ESTABLISHED: 1,
    TCP_SYN_SENT: 2,
    TCP_SYN_RECV: 3,
    TCP_FIN_WAIT1: 4,
    TCP_FIN_WAIT2: 5,
    TCP_TIME_WAIT: 6,
    TCP_CLOSE: 7,
    TCP_CLOSE_WAIT: 8,
    TCP_LAST_ACK: 9,
    TCP_LISTEN: 10,
    TCP_CLOSING: 11,
    TCP_CA_Open: 0,
    TCP_CA_Disorder: 1,
    TCP_CA_CWR: 2,
    TCP_CA_Recovery: 3,
    TCP_CA_Loss: 4,
    TCPI_OPT_TIMESTAMPS: 1,
    TCPI_OPT_SACK: 2,
    TCPI_OPT_WSCALE: 4,
    TCPI_OPT_ECN: 8,
    TCPI_OPT_ECN_SEEN: 16,
    TCPI_OPT_SYN_DATA: 32,
    TCPI_OPT_USEC_TS: 64,
    TCPI_OPT_TFO_CHILD: 128,
  }),
);

const kinds: readonly InfoKind[] = ['TCP_INFO', 'TCP_CC_INFO', 'SO_MEMINFO'];

/** What a snippet can look at now. @throws DrillError if the system has nothing to look at */
export function* snapshot(system: AsyncSystemUnderTest, fd: number): Steps<Map<string, number>> {
  const variables = new Map<string, number>();
  for (const kind of kinds) {
    const info = fd < 0 ? null : ((yield* settled(system.info?.(fd, kind))) ?? null);
    if (info === null && kind === 'TCP_INFO') {
      throw new DrillError('python', "runtime error in code: can't find getsockopt to get TCP info");
    }
    for (const [name, value] of Object.entries(info ?? {})) variables.set(name, value);
  }
  return variables;
}

/** Runs the snippets. @throws DrillError of kind python; @returns what they printed */
export function runSnippets(file: string, snippets: readonly Snippet[], python: PythonRunner | null): string {
  if (snippets.length === 0) return '';
  if (python !== null) {
    const { output, error } = python(file, constants, snippets);
    if (error === null) return output;
    const at = snippets.findLast(({ line }) => line <= error.line)?.at ?? snippets[0]!.at;
    throw new DrillError('python', `error in Python code: ${error.message}`, at);
  }
  const integer = (value: number): PyValue => BigInt(Math.round(value));
  const variables = new Map<string, PyValue>([...constants].map(([name, value]) => [name, integer(value)]));
  let output = '';
  for (const snippet of snippets) {
    for (const [name, value] of snippet.variables) variables.set(name, integer(value));
    const result = runPython(snippet.text, variables);
    output += result.output;
    if (result.error === null) continue;
    const words = result.error.unsupported ? 'Python code not understood' : 'error in Python code';
    const where = result.error.line > 1 ? ` (line ${result.error.line} of the code)` : '';
    throw new DrillError('python', `${words}: ${result.error.message}${where}`, snippet.at);
  }
  return output;
}
