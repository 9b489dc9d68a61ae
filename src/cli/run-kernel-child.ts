/** The process in which `halfopen run --on kernel` runs one script: job on stdin, result on stdout. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { cannotRun } from '../drill/missing.ts';
import { runScript } from '../drill/run.ts';
import type { OpenSystem } from '../drill/system-under-test.ts';
import { BlockingCalls } from '../linux/blocking-calls.ts';
import { withLacks } from '../linux/lacks.ts';
import { protectMachine } from '../linux/namespace.ts';
import { openKernel } from '../linux/on-kernel.ts';
import { SysError, sys } from '../linux/sys.ts';
import { writeWhole } from './kernel-child-output.ts';
import { eventsOfTrace } from './run-events.ts';
import { type JobResult, jobResult, prepareJob } from './run-job.ts';
import type { KernelJob } from './run-kernel.ts';

/** A connection like most: what runs for the first time is late by milliseconds, which this one takes on itself. */
const warmUp = `
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1460,sackOK,nop,nop,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <...>
+.001 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 1000) = 1000
+0 > P. 1:1001(1000) ack 1
+.001 < P. 1:11(10) ack 1001 win 257
+0 > . 1001:1001(0) ack 11
+0 %{ assert tcpi_state == 1 }%
+0 read(4, ..., 100) = 10
+0 poll([{fd=4, events=POLLIN, revents=0}], 1, 1) = 0
+0 close(4) = 0
`;

function runHere({ job, congestion }: KernelJob): JobResult {
  const started = performance.now();
  const prepared = prepareJob(job);
  if ('failure' in prepared) return prepared;
  const s = sys();
  protectMachine(s);
  const blocking = new BlockingCalls(s, new URL('../linux/blocking-thread.js', import.meta.url));
  const folder = resolve(dirname(job.file));
  const open: OpenSystem = (network) => {
    try {
      return openKernel(s, network, { congestion, folder, blocking });
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      throw cannotRun(error.message);
    }
  };
  s.beOnTime();
  runScript({ file: '', text: warmUp, open, options: [{ name: 'tolerance_usecs', value: '1000000' }] });
  const result = runScript({ ...prepared, open });
  return jobResult(
    prepared.text,
    withLacks(result),
    eventsOfTrace(result.packets),
    performance.now() - started,
  );
}

const result = serialize(runHere(deserialize(readFileSync(0)) as KernelJob));
writeWhole(sys(), result);
// Not process.exit: a call may block in the other thread, and nothing but this ends it.
sys().exit(0);
