/** What a kernel has not, or what nobody may do in a namespace, told apart from failures. */
import type { RunResult } from '../drill/run.ts';

/** Errors of setsockopt by which the kernel says that it was built without an option, or that nobody here may set it. */
const lacking: Readonly<Record<number, string>> = {
  1: 'is not allowed in a namespace',
  92: 'is unknown to this kernel',
  95: 'was left out when this kernel was built',
};

/** A failure that only says what this kernel has not, or what nobody may do in a namespace, as such. */
export function withLacks(result: RunResult): RunResult {
  const { failure } = result;
  if (failure === null) return result;
  const [, errno] =
    /^runtime error in setsockopt call: .* but got -1 with errno (\d+)/.exec(failure.message) ?? [];
  const why =
    errno !== undefined && Object.hasOwn(lacking, errno)
      ? `the option of line ${failure.line} ${lacking[Number(errno)]}`
      : failure.kind === 'command'
        ? failure.notes.findLast((note) =>
            /Read-only file system|Permission denied|not permitted|cannot stat \/proc\/sys/i.test(note),
          )
        : undefined;
  if (why === undefined) return result;
  return { ...result, failure: { ...failure, kind: 'cannot-run', message: `cannot run here: ${why}` } };
}
