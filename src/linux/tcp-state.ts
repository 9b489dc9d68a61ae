/** States of TCP sockets in the kernel's numbers (include/net/tcp_states.h). */
export const TcpState = {
  established: 1,
  synSent: 2,
  synReceived: 3,
  finWait1: 4,
  finWait2: 5,
  timeWait: 6,
  close: 7,
  closeWait: 8,
  lastAck: 9,
  listen: 10,
  closing: 11,
  /** A half-open connection that is no socket yet. */
  newSynReceived: 12,
} as const;
