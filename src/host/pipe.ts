/** Pipes, and files in memory: what sendfile() and splice() take from and give to. */
import { Errno } from '../tcp/errno.ts';
import { Poll } from '../tcp/poll.ts';
import { OpenFile, OpenFlag, type Result } from './file.ts';

const pipeCapacity = 65_536;

/** The bytes between a pipe's two ends. */
class PipeBuffer {
  private readonly chunks: Uint8Array[] = [];
  size = 0;
  reader: PipeEnd | null = null;
  writer: PipeEnd | null = null;

  write(data: Uint8Array): number {
    const n = Math.min(data.length, pipeCapacity - this.size);
    if (n > 0) this.chunks.push(data.slice(0, n));
    this.size += n;
    return n;
  }

  read(into: Uint8Array): number {
    let done = 0;
    while (done < into.length && this.chunks.length > 0) {
      const chunk = this.chunks[0]!;
      const n = Math.min(chunk.length, into.length - done);
      into.set(chunk.subarray(0, n), done);
      done += n;
      if (n === chunk.length) this.chunks.shift();
      else this.chunks[0] = chunk.subarray(n);
    }
    this.size -= done;
    return done;
  }
}

/** One end of a pipe. */
export class PipeEnd extends OpenFile {
  private readonly buffer: PipeBuffer;
  private readonly writes: boolean;

  constructor(buffer: PipeBuffer, writes: boolean) {
    super(writes ? OpenFlag.writeOnly : OpenFlag.readOnly);
    this.buffer = buffer;
    this.writes = writes;
  }

  poll(): number {
    const { buffer } = this;
    if (this.writes) {
      const room = buffer.size < pipeCapacity ? Poll.out | Poll.wrNorm : 0;
      return buffer.reader === null ? room | Poll.err : room;
    }
    const data = buffer.size > 0 ? Poll.in | Poll.rdNorm : 0;
    return buffer.writer === null ? data | Poll.hup : data;
  }

  protected override finish(): Result {
    const { buffer } = this;
    if (this.writes) buffer.writer = null;
    else buffer.reader = null;
    (this.writes ? buffer.reader : buffer.writer)?.stir(Poll.in | Poll.out | Poll.hup | Poll.err);
    return 0;
  }

  /** Bytes read, 0 at the end, -EAGAIN if nothing is there yet, -EBADF at the wrong end. */
  read(into: Uint8Array): number {
    if (this.writes) return -Errno.EBADF;
    const n = this.buffer.read(into);
    if (n > 0) this.buffer.writer?.stir(Poll.out);
    return n > 0 || into.length === 0 || this.buffer.writer === null ? n : -Errno.EAGAIN;
  }

  /** Bytes taken, -EAGAIN if the pipe is full, -EPIPE without a reader, -EBADF at the wrong end. */
  write(data: Uint8Array): number {
    if (!this.writes) return -Errno.EBADF;
    if (this.buffer.reader === null) return -Errno.EPIPE;
    const n = this.buffer.write(data);
    if (n > 0) this.buffer.reader.stir(Poll.in);
    return n > 0 || data.length === 0 ? n : -Errno.EAGAIN;
  }

  /** Bytes that wait in the pipe, and how many more fit. */
  get waiting(): number {
    return this.buffer.size;
  }
  get room(): number {
    return pipeCapacity - this.buffer.size;
  }
}

/** A fresh pipe: the reading and the writing end. */
export function newPipe(): [PipeEnd, PipeEnd] {
  const buffer = new PipeBuffer();
  buffer.reader = new PipeEnd(buffer, false);
  buffer.writer = new PipeEnd(buffer, true);
  return [buffer.reader, buffer.writer];
}

/** An open file in memory. It has no readiness: poll() finds it always ready, epoll does not take it. */
export class MemoryFile extends OpenFile {
  private readonly content: Uint8Array;
  private position = 0;

  constructor(content: Uint8Array, flags: number) {
    super(flags);
    this.content = content;
  }

  poll(): number {
    return -1;
  }

  protected override finish(): Result {
    return 0;
  }

  /** Reads at an offset, or at the file's own position, which moves on, if it is negative. */
  read(into: Uint8Array, offset = -1): number {
    const from = offset < 0 ? this.position : offset;
    const part = this.content.subarray(from, from + into.length);
    into.set(part);
    if (offset < 0) this.position += part.length;
    return part.length;
  }
}
