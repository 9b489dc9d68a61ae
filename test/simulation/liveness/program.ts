/** One side of a transfer: writes its bytes in its manner, reads until the end, closes. */
import { MessageFlag, type Socket } from '../../../src/host/index.ts';
import type { Program } from './plan.ts';

/** The byte at a place of what one side sends. */
export const pattern = (i: number): number => (i * 7 + (i >>> 8) + (i >>> 15)) & 255;

/** `pattern` from 0 on, for as long as any program sends. */
const bytes = Uint8Array.from({ length: 1_600_000 }, (_, i) => pattern(i));
const into = new Uint8Array(65_536);

/** Does something later on the program's host, asleep or not. */
export type Later = (us: number, action: () => void) => void;

/** A program at work. */
export class Side {
  readonly socket: Socket;
  private readonly program: Program;
  private readonly later: Later;
  private readonly progress: () => void;
  private thinking = false;
  private pausing = false;
  private untilThought: number;
  written = 0;
  writes = 0;
  read = 0;
  wrong = 0;
  error = 0;
  /** The peer's end of stream was read; our own is sent; the descriptor is closed. */
  ended = false;
  shut = false;
  closed = false;

  constructor(socket: Socket, program: Program, later: Later, progress: () => void) {
    this.socket = socket;
    this.program = program;
    this.later = later;
    this.progress = progress;
    this.untilThought = program.thinkEvery;
    socket.observer = (): void => this.step();
  }

  /** Reads and writes what is possible now. */
  step(): void {
    if (this.closed) return;
    this.readSome();
    this.writeSome();
    if (this.written === this.program.total && !this.shut && (this.program.endsFirst || this.ended)) {
      this.shut = true;
      this.socket.shutdown(1);
    }
    if (this.shut && this.ended) {
      this.closed = true;
      this.socket.observer = null;
      this.socket.release();
    }
    this.progress();
  }

  private readSome(): void {
    while (!this.pausing && !this.ended && this.error === 0) {
      const n = this.socket.receive(into.subarray(0, this.program.read), MessageFlag.dontWait) as number;
      if (n === -11) return;
      if (n < 0) this.error = n;
      if (n === 0) this.ended = true;
      for (let i = 0; i < n; i++) if (into[i] !== bytes[this.read + i]) this.wrong++;
      this.read += Math.max(n, 0);
      if (n > 0 && this.program.readPauseUs > 0) {
        this.pausing = true;
        this.later(this.program.readPauseUs, () => {
          this.pausing = false;
          this.step();
        });
      }
    }
  }

  private writeSome(): void {
    const { total, chunk, thinkUs, thinkEvery } = this.program;
    while (!this.thinking && this.written < total && this.error === 0) {
      const data = bytes.subarray(this.written, Math.min(this.written + chunk, total));
      const n = this.socket.send(data, MessageFlag.dontWait) as number;
      if (n === -11) return;
      if (n < 0) {
        this.error = n;
        return;
      }
      this.writes++;
      this.written += n;
      this.untilThought -= n;
      if (thinkEvery > 0 && this.untilThought <= 0) {
        this.untilThought = thinkEvery;
        this.thinking = true;
        this.later(thinkUs, () => {
          this.thinking = false;
          this.step();
        });
      }
    }
  }
}
