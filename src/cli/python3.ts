/** Hands snippets to the real python3: the one thing in a script that can touch this machine, and only if asked for. */
import { spawnSync } from 'node:child_process';
import type { PythonRunner } from '../drill/snippets.ts';

/** Runs the snippets in one interpreter; says on its last line of stderr what failed, and where. */
const program = `
import json, sys, traceback
job = json.load(sys.stdin)
names = dict(job['constants'])
for snippet in job['snippets']:
    names.update(snippet['variables'])
    try:
        # Blank lines in front, so that Python counts the script's lines.
        exec(compile('\\n' * (snippet['line'] - 1) + snippet['text'], job['file'], 'exec'), names)
    except BaseException as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == job['file']]
        line = lines[-1] if lines else getattr(error, 'lineno', None) or snippet['line']
        what = ''.join(traceback.format_exception_only(type(error), error)).strip()
        sys.stdout.flush()
        print(json.dumps({'message': what, 'line': line}), file=sys.stderr)
        sys.exit(1)
`;

/** The most that snippets may print, bytes. */
const mostOutput = 16 << 20;

/** @param timeoutMs how long the snippets of a script may take together */
export const python3 =
  (timeoutMs: number): PythonRunner =>
  (file, constants, snippets) => {
    const input = JSON.stringify({
      file,
      constants: Object.fromEntries(constants),
      snippets: snippets.map(({ text, line, variables }) => ({
        text,
        line,
        variables: Object.fromEntries(variables),
      })),
    });
    const { stdout, stderr, status, error } = spawnSync('python3', ['-I', '-c', program], {
      input,
      encoding: 'utf8',
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: mostOutput,
    });
    const output = stdout ?? '';
    if (error !== undefined) {
      const whys: Readonly<Record<string, string>> = {
        ENOENT: 'python3 is not installed',
        ETIMEDOUT: `python3 took longer than ${timeoutMs / 1000} s`,
        ENOBUFS: `the snippets print more than ${mostOutput >> 20} MiB`,
        EPIPE: 'python3 ended before it had read the snippets',
      };
      const why = whys[(error as NodeJS.ErrnoException).code ?? ''] ?? error.message;
      return { output, error: { message: why, line: 0 } };
    }
    if (status === 0) return { output, error: null };
    const last = stderr.trim().split('\n').at(-1) ?? '';
    try {
      return { output, error: JSON.parse(last) as { message: string; line: number } };
    } catch {
      return { output, error: { message: `python3 ended with status ${status}: ${last}`, line: 0 } };
    }
  };
