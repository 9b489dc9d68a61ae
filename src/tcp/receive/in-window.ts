import type { Segment } from '../../wire/segment.ts';
import { seqGe, seqGt, seqLe, seqLt } from '../../wire/seq.ts';

/** RFC 9293's acceptability test, with an empty segment at the right edge allowed. */
export function inWindow(seg: Segment, left: number, right: number): boolean {
  if (seg.seq === left) return true;
  if (seqGt(seg.end, left) && seqLt(seg.seq, right)) return true;
  return seg.seq === right && seg.seq === seg.end && seqGe(right, left) && seqLe(left, right);
}
