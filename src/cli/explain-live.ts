/** Captures that are still being made: `tcpdump -U -w - | halfopen explain --all -` tells attempts while it goes on. */
import type { Explainer } from '../explain/explain.ts';

/** A pipe whose newest packet is older is a recording: it is told as a file is. Seconds. */
const LIVE = 30;
/** An attempt that is over is told when it has been silent for so long, seconds: its last packets may still come. */
const QUIET = 2;

/** Who wants to know of the time that passes. */
interface Told {
  /** Something may have been told. */
  live(): void;
  /** A second is over. */
  second(): void;
}

/**
 * Looks every second for attempts to tell, and lets ^C end the capture rather than the telling: whoever writes into the pipe gets
 * the signal too, stops, and the rest is told. A second ^C ends the command.
 * @param surely whether the packets come as they are captured, however long none does
 * @returns what stops it, and throws what went wrong in it
 */
export function follow(explainer: Explainer, surely: boolean, told: Told): () => void {
  let failure: unknown = null;
  const look = (): void => {
    told.second();
    const now = Date.now() / 1000;
    if (!surely && now - explainer.newest() > LIVE) return;
    explainer.settle(now - QUIET);
    told.live();
  };
  const timer = setInterval(() => {
    try {
      if (failure === null) look();
    } catch (error) {
      // Whoever waits for packets has to hear of it.
      failure = error;
      process.stdin.destroy(error as Error);
      process.emit('SIGINT', 'SIGINT');
    }
  }, 1000);
  const interrupted = (): void => {};
  process.once('SIGINT', interrupted);
  return () => {
    clearInterval(timer);
    process.off('SIGINT', interrupted);
    if (failure !== null) throw failure;
  };
}
