/** What `halfopen watch` tells of a connection attempt. Values only. */

/** A process as it was when it called connect(). */
export interface Who {
  readonly pid: number;
  readonly name: string;
  /** The systemd unit, from its cgroup. */
  readonly unit: string | null;
  /** The first twelve digits of the container's id, from its cgroup. */
  readonly container: string | null;
  /** The Kubernetes pod's UID, from its cgroup. */
  readonly pod: string | null;
  /** The inode of its network namespace; null if it had ended before anybody could look. */
  readonly namespace: number | null;
}

/** What became of an attempt. */
export type Outcome =
  /** Connected, and nothing more is said of it. */
  | 'connected'
  /** Connected to itself. */
  | 'itself'
  /** Connected, and reset by the peer within two seconds. */
  | 'reset'
  /** Refused by an RST. */
  | 'refused'
  /** Ended by an ICMP error, or because a neighbour did not answer. */
  | 'unreachable'
  /** Failed before a SYN was sent. */
  | 'unsent'
  /** The kernel gave up: nobody answered. */
  | 'timed-out'
  /** The program gave up first. */
  | 'given-up'
  /** A SYN that came from elsewhere and was dropped here. */
  | 'dropped'
  /** A SYN that came from elsewhere and was refused here. */
  | 'turned-away'
  /** Still waiting when the watching ended. */
  | 'pending';

/** Why. */
export type Reason =
  | 'firewall'
  | 'reverse-path'
  | 'no-socket'
  | 'queue-full'
  | 'checksum'
  | 'no-route'
  | 'no-port'
  | 'neighbour'
  | 'icmp'
  | 'peer'
  | 'no-answer'
  | 'program'
  | 'kernel-drop'
  | 'none';

/** How sure it is. */
export type Certainty = 'certain' | 'likely';

/** One attempt, at its end. */
export interface Attempt {
  /** When it began, in ms since 1970. */
  readonly at: number;
  /** From the SYN to the end, in µs. */
  readonly duration: number;
  /** Null for a SYN that came from elsewhere. */
  readonly who: Who | null;
  readonly from: string;
  readonly to: string;
  /** SYNs sent. */
  readonly syns: number;
  readonly outcome: Outcome;
  readonly reason: Reason;
  readonly certainty: Certainty;
  /** The kernel's own word for it, such as NETFILTER_DROP; null if it has none. */
  readonly kernel: string | null;
  /** The error that the program got; 0 if none was seen. */
  readonly errno: number;
  /** The inode of the network namespace in which its SYN, or the answer, was seen to arrive and be dropped. */
  readonly namespace?: number;
}

/** Whether an attempt failed, or led astray. */
export const isFailure = ({ outcome }: Pick<Attempt, 'outcome'>): boolean =>
  outcome !== 'connected' && outcome !== 'pending';
