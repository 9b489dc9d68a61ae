/** Captures that are still being made: `tcpdump -U -w - | halfopen explain --all -` tells attempts while it goes on. */
import type { Explainer } from '../explain/explain.ts';

/** A pipe whose newest packet is older is a recording: it is told as a file is. Seconds. */
const LIVE = 30;
/** An attempt that is over is told when it has been silent for so long, seconds: its last packets may still come. */
const QUIET = 2;

/**
 * Looks every second for attempts to tell, and lets ^C end the capture rather than the telling: whoever writes into the pipe gets
 * the signal too, stops, and the rest is told. A second ^C ends the command.
 * @param flush called when something may have been told
 * @returns what stops it
 */
export function follow(explainer: Explainer, flush: () => void): () => void {
  const timer = setInterval(() => {
    const now = Date.now() / 1000;
    if (now - explainer.newest() > LIVE) return;
    explainer.settle(now - QUIET);
    flush();
  }, 1000);
  const interrupted = (): void => {};
  process.once('SIGINT', interrupted);
  return () => {
    clearInterval(timer);
    process.off('SIGINT', interrupted);
  };
}
