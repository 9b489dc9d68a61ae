/** `halfopen tun connect`: standard input to a connection of our stack, and what comes of it to standard output. */
import type { StackConnection } from '../embed/connection.ts';
import type { StackError } from '../embed/errors.ts';
import type { Stack } from '../embed/stack.ts';
import type { Say } from '../messages/message.ts';
import type { tunTexts } from '../messages/tun.ts';
import { complain, printBytes } from './output/print.ts';

interface Conversation {
  /** Whether a refused connection is tried again for some seconds: the command beside it may not listen yet. */
  readonly patient: boolean;
  readonly say: Say<typeof tunTexts>;
}

const tries = 50;
const betweenTriesMs = 100;

/** @returns the exit code: 0 when both sides have ended, 1 for a connection that failed or broke */
export function converse(
  stack: Stack,
  target: { readonly address: string; readonly port: number },
  { patient, say }: Conversation,
): Promise<number> {
  const name = target.address.includes(':')
    ? `[${target.address}]:${target.port}`
    : `${target.address}:${target.port}`;
  return new Promise((resolve) => {
    const attempt = (left: number): void => {
      let open = false;
      stack.connect(target, {
        connected: (connection) => {
          open = true;
          feed(connection);
        },
        data: (bytes) => printBytes(bytes.slice()),
        drained: () => process.stdin.resume(),
        closed: (error: StackError | null) => {
          if (!open && error?.code === 'ECONNREFUSED' && left > 0) {
            setTimeout(() => attempt(left - 1), betweenTriesMs);
            return;
          }
          process.stdin.destroy();
          if (error !== null)
            complain('tun', say(open ? 'broken' : 'noConnection', { target: name, why: error.code }));
          resolve(error === null ? 0 : 1);
        },
      });
    };
    attempt(patient ? tries : 0);
  });
}

/** Sends standard input, at the pace at which the connection takes it, and then ends this side. */
function feed(connection: StackConnection): void {
  const { stdin } = process;
  const waiting: Uint8Array[] = [];
  let ended = false;
  const push = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const written = connection.write(next);
      if (written < next.length) {
        waiting[0] = next.subarray(written);
        stdin.pause();
        return;
      }
      waiting.shift();
    }
    if (ended) connection.end();
  };
  stdin.on('data', (bytes: Uint8Array) => {
    waiting.push(bytes);
    push();
  });
  stdin.on('resume', push);
  stdin.on('end', () => {
    ended = true;
    if (waiting.length === 0) connection.end();
  });
}
