/**
 * The process in which scenarios run on the kernel, many at a time, each in a network of its own: most of the time they
 * wait. Scenarios come on stdin and observations go to stdout, each as four bytes of length and a value of node:v8.
 */
import { deserialize, serialize } from 'node:v8';
import { configFor, Player, setUp } from '../compare/player.ts';
import type { Observation, Scenario } from '../compare/scenario.ts';
import { networkOf } from '../drill/config.ts';
import { throughAll } from '../drill/steps.ts';
import { BlockingCalls } from '../linux/blocking-calls.ts';
import { protectMachine } from '../linux/namespace.ts';
import { type KernelSystem, openKernel } from '../linux/on-kernel.ts';
import { K, sys } from '../linux/sys.ts';
import { writeWhole } from './kernel-child-output.ts';

export interface KernelTask {
  readonly id: number;
  readonly scenario: Scenario;
  readonly congestion: string;
}

export interface KernelAnswer {
  readonly id: number;
  readonly observation: Observation;
}

/** How many run at a time. */
const most = Number(process.argv[2] ?? 100);

interface Prepared {
  readonly id: number;
  readonly system: KernelSystem;
  readonly blocking: BlockingCalls | null;
}

interface Running extends Prepared {
  readonly player: Player;
}

const s = sys();
const waiting: KernelTask[] = [];
const running: Running[] = [];
const finished: Running[] = [];
const prepared: (Prepared & { readonly scenario: Scenario })[] = [];
/** Threads for calls that block, which nothing uses at present. */
const threads: BlockingCalls[] = [];
let input = Buffer.alloc(0);
let ended = false;

function answer(id: number, observation: Observation): void {
  const body = serialize({ id, observation } satisfies KernelAnswer);
  const frame = Buffer.alloc(4 + body.length);
  frame.writeUInt32LE(body.length);
  body.copy(frame, 4);
  writeWhole(s, frame);
}

/** Takes what has come on stdin, waiting up to a time. */
function take(waitUs: number): void {
  const [events] = s.poll([{ fd: ended ? -1 : 0, events: K.POLLIN }], waitUs);
  if (events === 0 || ended) return;
  const chunk = Buffer.alloc(1 << 16);
  const length = s.call('read', 0, chunk, chunk.length);
  if (length <= 0) {
    ended = true;
    return;
  }
  input = Buffer.concat([input, chunk.subarray(0, length)]);
  while (input.length >= 4 && input.length >= 4 + input.readUInt32LE(0)) {
    const size = input.readUInt32LE(0);
    waiting.push(deserialize(input.subarray(4, 4 + size)) as KernelTask);
    input = input.subarray(4 + size);
  }
}

/** How many that run commands in between are played at a time: nothing else happens while a shell runs. */
const mostWithCommands = 4;

const hasCommands = ({ scenario }: KernelTask): boolean =>
  scenario.steps.some(({ stimulus }) => stimulus.kind === 'command');

/** The next ones to play together: those that run commands apart from those that do not. */
function batch(): KernelTask[] {
  const commands = hasCommands(waiting[0]!);
  const chosen = waiting.filter((task) => hasCommands(task) === commands);
  chosen.length = Math.min(chosen.length, commands ? Math.min(most, mostWithCommands) : most);
  const taken = new Set(chosen);
  waiting.splice(0, waiting.length, ...waiting.filter((task) => !taken.has(task)));
  return chosen;
}

const blockingThread = new URL('../linux/blocking-thread.js', import.meta.url);

function prepare({ id, scenario, congestion }: KernelTask): void {
  try {
    const blocking = scenario.blocks ? (threads.pop() ?? new BlockingCalls(s, blockingThread)) : null;
    const folder = scenario.folder ?? '/';
    const system = openKernel(s, networkOf(configFor(scenario)), { congestion, folder, blocking });
    const wrong = throughAll(setUp(scenario, system));
    if (wrong === null) {
      prepared.push({ id, system, scenario, blocking });
      return;
    }
    answer(id, { stepsAtUs: [], seen: [], broken: wrong, unready: true });
    system.close();
    if (blocking !== null) threads.push(blocking);
  } catch (error) {
    answer(id, { stepsAtUs: [], seen: [], broken: error instanceof Error ? error.message : String(error) });
  }
}

/** Ends what a scenario has left; a thread that still blocks is not used again. */
function finish({ id, system, player, blocking }: Running): void {
  answer(id, player.observation());
  system.close();
  if (blocking === null) return;
  if (system.idle()) threads.push(blocking);
}

function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1000;
}

/** Does the earliest thing that is due. @returns when the next one is, µs */
function doDue(): number {
  let next = Number.POSITIVE_INFINITY;
  const now = nowUs();
  for (let i = running.length - 1; i >= 0; i--) {
    const it = running[i]!;
    let due = it.player.dueUs();
    if (due !== null && due <= now) {
      it.player.step();
      due = it.player.dueUs();
    }
    if (due !== null) {
      next = Math.min(next, due);
      continue;
    }
    running.splice(i, 1);
    finished.push(it);
  }
  return next;
}

/** How often what each of them has sent is read, µs: a copy that nobody took keeps the kernel from joining segments. */
const sweepEveryUs = 20_000;
let sweptAt = 0;
let toSweep = 0;

/** Reads what they have sent as long as nothing is due before `until`, µs. */
function sweep(until: number): void {
  const now = nowUs();
  if (now - sweptAt >= sweepEveryUs) {
    sweptAt = now;
    toSweep = running.length;
  }
  while (toSweep > 0 && until - nowUs() > 500) running[--toSweep]?.player.drain();
}

protectMachine(s);
s.beOnTime();
// In batches: making and removing a network takes the kernel so long that what runs meanwhile would come late.
for (;;) {
  take(waiting.length > 0 || ended ? 0 : 50_000);
  // The rest of a burst is on its way.
  for (let before = -1; before < waiting.length && waiting.length < most; ) {
    before = waiting.length;
    take(20_000);
  }
  if (waiting.length === 0) {
    if (ended) break;
    continue;
  }
  for (const task of batch()) prepare(task);
  // Not all at the same moment: one every two milliseconds.
  prepared.splice(0).forEach(({ scenario, ...it }, i) => {
    running.push({ ...it, player: new Player(scenario, it.system, 2000 * i) });
  });
  while (running.length > 0) {
    const next = doDue();
    sweep(next);
    const left = next - nowUs();
    if (left > 0 && running.length > 0) s.poll([], Math.min(left, sweepEveryUs));
  }
  for (const it of finished.splice(0)) finish(it);
}
s.exit(0);
