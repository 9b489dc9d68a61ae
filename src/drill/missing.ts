/** What a stack has not. A script that wants it cannot run there, which says nothing against the stack. */
import type { Script } from './ast.ts';
import { DrillError } from './failure.ts';
import type { AsyncSystemUnderTest } from './system-under-test.ts';

/** The error that ends a run of a script that asks for what the system has not. */
export const cannotRun = (why: string, at = -1): DrillError =>
  new DrillError('cannot-run', `cannot run here: ${why}`, at);

/** Looks through a script before it runs. @throws DrillError of kind cannot-run */
export function refuseWhatIsMissing(script: Script, system: AsyncSystemUnderTest): void {
  if (system.command === undefined) {
    const inside = script.events.find(({ action }) => action.kind === 'command');
    const command = script.init ?? inside ?? script.cleanup;
    if (command !== undefined && command !== null)
      throw cannotRun('the stack runs no commands (sysctl and the like)', command.at);
  }
  if (system.info === undefined) {
    const code = script.events.find(({ action }) => action.kind === 'code');
    if (code !== undefined) throw cannotRun('the stack has no TCP_INFO for code to look at', code.at);
  }
}
