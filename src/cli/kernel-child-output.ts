/** How the processes on the kernel hand over what they have. */
import { K, must, type Sys } from '../linux/sys.ts';

/** Writes all of it to standard output, which is a pipe that does not block: whoever reads may be slow. */
export function writeWhole(sys: Sys, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.subarray(at);
    const written = sys.call('write', 1, rest, rest.length);
    if (written === -K.EAGAIN) sys.poll([{ fd: 1, events: K.POLLOUT }], 1_000_000);
    else at += written === -K.EINTR ? 0 : must('write', written);
  }
}
