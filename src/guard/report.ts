/**
 * What the guard tells the outside world: how many self-connects it has stopped, and an event for each. The count is
 * one for the whole process: worker threads inherit the memory it lives in.
 */
import { channel } from 'node:diagnostics_channel';
import { getEnvironmentData, setEnvironmentData, threadId } from 'node:worker_threads';

/** The name of the diagnostics_channel on which the guard publishes a {@link SelfConnectMessage} for each stop. */
export const selfConnectChannel = 'halfopen:self-connect';

/** What is published on {@link selfConnectChannel}. */
export interface SelfConnectMessage {
  /** The address that was both ends of the connection, as text without brackets. */
  readonly address: string;
  /** The port that was both ends of the connection. */
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6';
  /** The thread it happened in; 0 is the main thread. */
  readonly threadId: number;
}

const events = channel(selfConnectChannel);
const key = 'halfopen.guard.selfConnects';

function counter(): Uint32Array {
  let memory = getEnvironmentData(key);
  if (!(memory instanceof SharedArrayBuffer)) {
    memory = new SharedArrayBuffer(4);
    setEnvironmentData(key, memory);
  }
  return new Uint32Array(memory as SharedArrayBuffer);
}

const stopped = counter();

/**
 * How many self-connects the guard has stopped in this process since it started, worker threads included (those that
 * the guard reached).
 */
export function selfConnects(): number {
  return Atomics.load(stopped, 0);
}

/** Counts a self-connect that was stopped, and publishes it. */
export function report(address: string, port: number): void {
  Atomics.add(stopped, 0, 1);
  if (!events.hasSubscribers) return;
  const message: SelfConnectMessage = {
    address,
    port,
    family: address.includes(':') ? 'IPv6' : 'IPv4',
    threadId,
  };
  events.publish(message);
}
