/** Every code that explain can say, in one place. Codes are stable: programs may rely on them. */

/** How an attempt ended, in few classes. */
export type Outcome =
  | 'completed'
  | 'refused'
  | 'unanswered'
  | 'unconfirmed'
  | 'reset'
  | 'rejected'
  | 'unknown';

/** What a code means. */
export interface Meaning {
  /** What it means, in a few words. */
  readonly title: string;
}

/** What happened to an attempt. */
export type Verdict =
  | 'completed'
  | 'refused'
  | 'unanswered'
  | 'unconfirmed'
  | 'reset-by-client'
  | 'reset-by-server'
  | 'rejected-by-icmp'
  | 'simultaneous-open'
  | 'split-handshake'
  | 'self-connect'
  | 'fast-open-accepted'
  | 'fast-open-rejected'
  | 'fast-open-fallback'
  | 'syn-cookie'
  | 'accept-queue-full'
  | 'final-ack-ignored'
  | 'answer-unmatched'
  | 'answered-elsewhere'
  | 'port-reused'
  | 'challenge-ack'
  | 'one-sided'
  | 'mid-stream'
  | 'scan'
  | 'flood';

/** The verdicts, as the summary lists them. */
export const verdicts: Readonly<Record<Verdict, Meaning>> = {
  completed: { title: 'handshake completed' },
  refused: { title: 'refused with RST' },
  unanswered: { title: 'no answer to the SYN' },
  unconfirmed: { title: 'answered, but never confirmed by the client' },
  'reset-by-client': { title: 'the client answered the SYN+ACK with RST, or gave up with RST' },
  'reset-by-server': { title: 'answered, then reset by the server' },
  'rejected-by-icmp': { title: 'rejected by an ICMP error' },
  'simultaneous-open': { title: 'both sides opened at once' },
  'split-handshake': { title: 'the server answered the SYN with a SYN of its own' },
  'self-connect': { title: 'a socket connected to itself' },
  'fast-open-accepted': { title: 'Fast Open: data on the SYN was accepted' },
  'fast-open-rejected': { title: 'Fast Open: data on the SYN was not accepted' },
  'fast-open-fallback': { title: 'Fast Open: the SYN with data got no answer, one without did' },
  'syn-cookie': { title: 'answered with a SYN cookie' },
  'accept-queue-full': { title: "the server's accept queue was full" },
  'final-ack-ignored': { title: 'the server went on as if the ACK of the handshake had not come' },
  'answer-unmatched': { title: 'the client did not know the SYN+ACK, and went on trying' },
  'answered-elsewhere': { title: 'the answer came from another address than was asked' },
  'port-reused': { title: 'new connection on a tuple still in use' },
  'challenge-ack': { title: 'answered with an ACK of an older connection' },
  'one-sided': { title: 'only one direction is in the capture' },
  'mid-stream': { title: 'began before the capture' },
  scan: { title: 'part of a scan' },
  flood: { title: 'part of a SYN flood' },
};

/** What else is worth knowing of an attempt. Any verdict can also be a note of another one. */
export type Note =
  | Verdict
  | 'syn-missing'
  | 'synack-missing'
  | 'syn-retransmitted'
  | 'synack-retransmitted'
  | 'captured-twice'
  | 'rtt-ambiguous'
  | 'options-dropped'
  | 'options-changed'
  | 'options-unasked'
  | 'options-malformed'
  | 'ecn-fallback'
  | 'data-on-syn'
  | 'fast-open-requested'
  | 'fast-open-granted'
  | 'isn-predictable'
  | 'isn-rewritten'
  | 'isn-conflict'
  | 'wrong-ack'
  | 'syn-proxy'
  | 'stray-reset'
  | 'odd-flags'
  | 'icmp-error'
  | 'syn-unanswered-first'
  | 'reset-at-once'
  | 'others-served'
  | 'tuple-shared'
  | 'two-encapsulations'
  | 'another-encapsulation'
  | 'reordered'
  | 'capture-ends'
  | 'packets-left-out'
  | 'slow-connect'
  | 'ack-missing'
  | 'defer-accept'
  | 'other-leg'
  | 'path-mtu'
  | 'data-unacknowledged'
  | 'request-unacknowledged'
  | 'closed-unserved'
  | 'server-silent'
  | 'tls-stopped'
  | 'not-all-readable'
  | 'traceroute'
  | 'routing-loop'
  | 'signed'
  | 'wrong-checksum'
  | 'wrong-outer-checksum';

export const notes: Readonly<Record<Note, Meaning>> = {
  ...verdicts,
  'syn-missing': { title: 'the SYN is not in this capture' },
  'synack-missing': { title: 'the SYN+ACK is not in this capture' },
  'syn-retransmitted': { title: 'the SYN was sent more than once' },
  'synack-retransmitted': { title: 'the SYN+ACK was sent more than once' },
  'captured-twice': { title: 'packets are in the capture more than once' },
  'rtt-ambiguous': { title: 'it cannot be told which copy of the SYN was answered' },
  'options-dropped': { title: 'a retransmitted SYN offers less than the first' },
  'options-changed': { title: 'options were rewritten between two capture points' },
  'options-unasked': { title: 'the SYN+ACK carries options that the SYN did not offer' },
  'options-malformed': { title: 'options that no SYN may carry, or that are no list' },
  'ecn-fallback': { title: 'the SYN was sent again without ECN' },
  'data-on-syn': { title: 'the SYN carries data' },
  'fast-open-requested': { title: 'the SYN asks for a Fast Open cookie' },
  'fast-open-granted': { title: 'the server gave a Fast Open cookie' },
  'isn-predictable': { title: "the server's initial sequence numbers can be predicted" },
  'isn-rewritten': {
    title: 'the SYN was captured twice, with another initial sequence number: a device on the way changes it',
  },
  'isn-conflict': { title: 'two SYN+ACKs with different sequence numbers' },
  'wrong-ack': { title: 'a SYN+ACK that acknowledges something else' },
  'syn-proxy': {
    title: 'a device on the way answered the SYN and, once that was confirmed, passed it on (SYN proxy)',
  },
  'stray-reset': { title: 'an RST that the receiver has to ignore' },
  'odd-flags': { title: 'flags that do not go together' },
  'icmp-error': { title: 'an ICMP error quotes the attempt' },
  'syn-unanswered-first': { title: 'only a later copy of the SYN was answered' },
  'others-served': { title: 'others were connected there at that time' },
  'reset-at-once': { title: 'reset right after the handshake' },
  'tuple-shared': { title: 'several initial sequence numbers on one tuple at a time' },
  'two-encapsulations': { title: 'the two directions are wrapped differently' },
  'another-encapsulation': { title: 'the same attempt is in the capture in another encapsulation too' },
  reordered: { title: 'the capture is not in order' },
  'capture-ends': { title: 'the capture ends before an answer could have come' },
  'packets-left-out': { title: 'more packets than are kept as evidence' },
  'slow-connect': { title: 'connect() took much longer than the round trip, or a second and more' },
  'ack-missing': { title: "the client's first ACK is not in this capture" },
  'defer-accept': { title: 'the server waits for data before it takes the connection (TCP_DEFER_ACCEPT)' },
  'other-leg': { title: 'the same SYN is in the capture at another place of its way (address translation)' },
  'path-mtu': { title: 'segments above a size never arrive while smaller ones do: path MTU' },
  'data-unacknowledged': { title: 'data were sent again and again and never acknowledged' },
  'request-unacknowledged': { title: "the client's first data were never acknowledged" },
  'closed-unserved': { title: 'closed by the server right after the handshake, without a byte' },
  'server-silent': { title: 'the server acknowledged the request and sent nothing' },
  'tls-stopped': { title: 'the TLS handshake did not go on' },
  'not-all-readable': { title: 'the capture has packets that could not be read and may belong here' },
  traceroute: { title: 'a probe of a TCP traceroute' },
  'routing-loop': { title: 'routers send it in a circle' },
  signed: { title: 'one side signs (TCP MD5 or TCP-AO), the other does not, or is silent' },
  'wrong-checksum': { title: 'the TCP checksum of what was not taken is wrong' },
  'wrong-outer-checksum': { title: 'the UDP checksum of the tunnel around what was not taken is wrong' },
};

/** How sure a verdict is. */
export type Certainty = 'certain' | 'likely' | 'possible';
