/** What poll() tells of a connection. */

/** Event bits of poll (include/uapi/linux/eventpoll.h). */
export const Poll = {
  in: 0x1,
  pri: 0x2,
  out: 0x4,
  err: 0x8,
  hup: 0x10,
  rdNorm: 0x40,
  wrNorm: 0x100,
  rdHup: 0x2000,
} as const;

/** Everything may have changed. */
export const wakeAll: number = Poll.in | Poll.out | Poll.err | Poll.hup | Poll.rdHup;
