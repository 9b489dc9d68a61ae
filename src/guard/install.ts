/** Puts the guard in place, once a thread. */
import { guardChannel } from './channel.ts';
import { guardHandles } from './handle.ts';

/**
 * How this thread is guarded: `handle` on Node's own TCP handles, which covers everything; `channel` by the documented
 * diagnostics_channel, where those are not as the guard knows them.
 */
export type GuardMode = 'handle' | 'channel';

const installed = Symbol.for('halfopen.guard.mode');
const place = globalThis as { [installed]?: GuardMode };

function fallBack(): void {
  if (place[installed] === 'channel') return;
  place[installed] = 'channel';
  guardChannel();
  process.emitWarning(
    `the TCP internals of this runtime (${process.version}) are not as halfopen/guard knows them, ` +
      'so it watches the diagnostics_channel net.client.socket instead. ' +
      'On Node 20 this misses TLS and new Socket().connect(); a stopped TLS connection keeps its port for a minute.',
    { type: 'GuardWarning', code: 'HALFOPEN_GUARD_FALLBACK' },
  );
}

/** How this thread is guarded; undefined before it is guarded. */
export function guardMode(): GuardMode | undefined {
  return place[installed];
}

/** Guards this thread from now on. A second call, also from a second copy of the package, does nothing. */
export function install(): void {
  if (place[installed] !== undefined) return;
  place[installed] = 'handle';
  if (!guardHandles(fallBack)) fallBack();
}
