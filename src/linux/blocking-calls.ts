/** System calls that may block, made by a second thread that waits for them, one at a time. */
import { readFileSync } from 'node:fs';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Outcome, SystemCall } from '../drill/system-under-test.ts';
import { K, must, type Sys } from './sys.ts';

/** What the thread begins with. */
export interface BlockingStart {
  readonly port: MessagePort;
  /** Counts the calls handed over; the thread sleeps on it. Then the calls begun, and the thread's number. */
  readonly turn: Int32Array;
  /** An eventfd that the thread writes to when a call has ended. */
  readonly wake: number;
}

/** What comes back; the time is of CLOCK_MONOTONIC, µs. */
export interface BlockingEnd {
  readonly outcome: Outcome;
  readonly atUs: number;
}

export class BlockingCalls {
  /** Readable when a call has ended. */
  readonly wake: number;
  /** Whether a call is on its way. */
  busy = false;
  private readonly sys: Sys;
  private readonly port: MessagePort;
  private readonly turn: Int32Array;
  private readonly drained = Buffer.alloc(8);

  /** @param thread the file of blocking-thread.ts, as it was built */
  constructor(sys: Sys, thread: URL) {
    this.sys = sys;
    this.wake = must('eventfd', sys.call('eventfd', 0, K.O_NONBLOCK | K.O_CLOEXEC));
    this.turn = new Int32Array(new SharedArrayBuffer(12));
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    const workerData: BlockingStart = { port: port2, turn: this.turn, wake: this.wake };
    // Whoever runs this ends the process by `Sys.exit`: a thread that blocks in a call cannot be ended otherwise.
    new Worker(thread, { workerData, transferList: [port2] }).unref();
  }

  /** Hands over a call. There must be no other one on its way. */
  start(call: SystemCall): void {
    this.busy = true;
    this.port.postMessage(call);
    Atomics.add(this.turn, 0, 1);
    Atomics.notify(this.turn, 0);
  }

  /**
   * Whether the call on its way is asleep in the kernel. Before that nobody can say whether it blocks: on a busy machine
   * the thread has perhaps not even begun with it.
   */
  sleeps(): boolean {
    if (Atomics.load(this.turn, 1) !== Atomics.load(this.turn, 0)) return false;
    const task = `/proc/self/task/${Atomics.load(this.turn, 2)}`;
    try {
      // The state is the first word behind the name, which stands in parentheses.
      return /^\d+ \(.*\) [SD]/s.test(readFileSync(`${task}/stat`, 'latin1'));
    } catch {
      return true; // Without /proc only time tells.
    }
  }

  /** The end of the call, once. */
  ended(): BlockingEnd | null {
    const received = receiveMessageOnPort(this.port);
    if (received === undefined) return null;
    this.busy = false;
    this.sys.call('read', this.wake, this.drained, 8);
    return received.message as BlockingEnd;
  }
}
