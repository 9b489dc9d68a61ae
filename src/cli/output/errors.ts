/** What can keep a command from writing, in words. */
import { speaker } from '../../messages/message.ts';
import { outputTexts } from '../../messages/output.ts';
import { visible } from '../../wire/visible.ts';
import { languageOf } from '../language.ts';

const say = speaker(outputTexts, languageOf(process.argv.slice(2)));

/** Reasons of our own beside the system's. */
export type Reason = 'danglingLink' | 'replaced';

const known = (code: string): code is keyof typeof outputTexts => Object.hasOwn(outputTexts, code);

/** An output could not be written. The message is one sentence for the user. */
export class WriteError extends Error {
  /**
   * @param name the file; null for standard output
   * @param cause the system's error, or a reason of ours
   */
  constructor(name: string | null, cause: NodeJS.ErrnoException | Reason) {
    const code = typeof cause === 'string' ? cause : (cause.code ?? '');
    const reason = known(code) ? say(code as Reason) : visible(cause instanceof Error ? cause.message : code);
    super(say('cannotWrite', { name: name === null ? say('standardOutput') : visible(name), reason }), {
      cause,
    });
    this.name = 'WriteError';
  }
}
