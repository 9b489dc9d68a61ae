/** The thread of blocking-calls.ts. */
import { readlinkSync } from 'node:fs';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { SystemCall } from '../drill/system-under-test.ts';
import type { BlockingEnd, BlockingStart } from './blocking-calls.ts';
import { kernelCall } from './kernel-calls.ts';
import { sys } from './sys.ts';

const { port, turn, wake } = workerData as BlockingStart;
const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

sys().beOnTime();
try {
  // As /proc counts: the process may be in a namespace of its own, where it has another number.
  Atomics.store(turn, 2, Number(readlinkSync('/proc/thread-self').split('/').at(-1)));
} catch {
  // Without /proc, time has to tell whether a call blocks.
}
for (let seen = 0; ; ) {
  Atomics.wait(turn, 0, seen);
  seen = Atomics.load(turn, 0);
  for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
    Atomics.add(turn, 1, 1);
    const outcome = kernelCall(sys(), got.message as SystemCall);
    const [seconds, nanoseconds] = process.hrtime();
    const end: BlockingEnd = { outcome, atUs: seconds * 1e6 + Math.floor(nanoseconds / 1000) };
    port.postMessage(end);
    sys().call('write', wake, one, one.length);
  }
}
