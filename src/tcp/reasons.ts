/** The vocabulary of transitions, drops, timers and notes: stable codes, the sentences are in src/view. */
export const reasons = [
  // Transitions: what caused them.
  'active-open', // connect(): SYN sent (RFC 9293 3.10.1)
  'passive-open', // listen()
  'syn-received', // a SYN reached a listener, SYN+ACK sent (3.10.7.2)
  'syn-ack-received', // SYN-SENT got SYN+ACK with an acceptable ACK (3.10.7.3)
  'simultaneous-syn', // SYN-SENT got a SYN without ACK (3.5, figure 7)
  'handshake-ack', // SYN-RECEIVED got the ACK of its SYN (3.10.7.4, fifth)
  'fast-open-accepted', // SYN with a valid cookie: established with data before the handshake ends (7413 4.2.2)
  'cookie-ack', // an ACK carried a valid SYN cookie (4987 3.6)
  'close-called', // close() or shutdown(): FIN sent (3.10.4)
  'fin-received', // 3.10.7.4, eighth
  'fin-acked', // our FIN was acknowledged
  'time-wait-over', // 2 MSL, or FIN-WAIT-2's limit
  'rst-received', // 3.10.7, RFC 5961 section 3
  'refused', // RST in SYN-SENT
  'syn-timeout', // tcp_syn_retries used up
  'synack-timeout', // tcp_synack_retries used up
  'data-timeout', // tcp_retries2 or TCP_USER_TIMEOUT used up
  'keepalive-timeout',
  'orphan-timeout', // FIN-WAIT-2 or orphan retries used up
  'aborted', // SO_LINGER 0, close with unread data, connect(AF_UNSPEC)
  'icmp-error',
  'time-wait-reused', // a new connection took over the four-tuple
  'listener-closed',
  // Segments that were not acted on.
  'bad-checksum',
  'malformed',
  'no-socket', // nobody there: RST sent (3.10.7.1)
  'rst-to-nobody', // RST for no connection: never answered
  'not-syn', // to a listener, without SYN, ACK or RST
  'ack-to-listener', // RST sent
  'unacceptable-ack', // in SYN-SENT or SYN-RECEIVED: RST sent
  'out-of-window', // sequence number not acceptable: ACK sent (3.10.7.4, first)
  'paws', // timestamp too old: ACK sent (7323 section 5)
  'wrong-echo', // a timestamp's echo that no SYN+ACK carried: ACK sent (7323 section 5.2)
  'old-ack', // before SND.UNA - MAX.SND.WND: challenge ACK (5961 section 5)
  'future-ack', // beyond SND.NXT: ACK sent
  'no-ack', // without ACK in a synchronized state
  'syn-in-connection', // challenge ACK (5961 section 4)
  'rst-not-exact', // in window, not RCV.NXT: challenge ACK (5961 section 3)
  'rst-out-of-window',
  'accept-queue-full', // the final ACK ignored (or RST, tcp_abort_on_overflow)
  'syn-queue-full', // SYN ignored
  'deferred-ack', // TCP_DEFER_ACCEPT: bare ACK ignored
  'no-window', // data beyond the window
  'after-close', // data for a socket that nobody can read: RST sent
  'multicast', // to or from an address no connection can have
  // Timers.
  'syn-retransmit',
  'synack-retransmit',
  'rto-retransmit',
  'delayed-ack',
  'zero-window-probe',
  'keepalive-probe',
  // Notes.
  'challenge-ack',
  'duplicate-data', // D-SACK sent (2883)
  'syn-cookie-sent',
  'fast-open-cookie-sent',
  'fast-open-rejected', // the cookie was not ours
  'fast-open-data-again', // SYN+ACK without our data: sent again at once (7413 4.2.1)
  'negotiated', // the options in force after the handshake
  'mtu-reduced',
] as const;

/** A code from the vocabulary. */
export type Reason = (typeof reasons)[number];
