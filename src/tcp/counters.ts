/**
 * What a host counts, by the names of /proc/net/snmp and /proc/net/netstat (net/ipv4/proc.c, 6.18): only those that
 * this stack can move.
 */
export const tcpCounterNames = [
  'ActiveOpens',
  'PassiveOpens',
  'AttemptFails',
  'EstabResets',
  'CurrEstab',
  'InSegs',
  'OutSegs',
  'RetransSegs',
  'InErrs',
  'OutRsts',
  'InCsumErrors',
] as const;

/** The TcpExt group. */
const tcpExtCounterNames = [
  'SyncookiesSent',
  'SyncookiesRecv',
  'SyncookiesFailed',
  'EmbryonicRsts',
  'OutOfWindowIcmps',
  'LockDroppedIcmps',
  'TW',
  'TWRecycled',
  'PAWSActive',
  'PAWSEstab',
  'DelayedACKs',
  'ListenOverflows',
  'ListenDrops',
  'TCPHPHits',
  'TCPPureAcks',
  'TCPTimeouts',
  'TCPLossProbes',
  'TCPSpuriousRTOs',
  'TCPDSACKOldSent',
  'TCPDSACKOfoSent',
  'TCPDSACKRecv',
  'TCPAbortOnData',
  'TCPAbortOnClose',
  'TCPAbortOnTimeout',
  'TCPAbortOnLinger',
  'TCPAbortFailed',
  'TCPDeferAcceptDrop',
  'TCPTimeWaitOverflow',
  'TCPReqQFullDoCookies',
  'TCPReqQFullDrop',
  'TCPRcvCoalesce',
  'TCPOFOQueue',
  'TCPOFODrop',
  'TCPOFOMerge',
  'TCPChallengeACK',
  'TCPSYNChallenge',
  'TCPFastOpenActive',
  'TCPFastOpenActiveFail',
  'TCPFastOpenPassive',
  'TCPFastOpenPassiveFail',
  'TCPFastOpenPassiveAltKey',
  'TCPFastOpenListenOverflow',
  'TCPFastOpenCookieReqd',
  'TCPFastOpenBlackhole',
  'TCPAutoCorking',
  'TCPFromZeroWindowAdv',
  'TCPToZeroWindowAdv',
  'TCPWantZeroWindowAdv',
  'TCPSynRetrans',
  'TCPOrigDataSent',
  'TCPACKSkippedSynRecv',
  'TCPACKSkippedPAWS',
  'TCPACKSkippedSeq',
  'TCPACKSkippedFinWait2',
  'TCPACKSkippedTimeWait',
  'TCPACKSkippedChallenge',
  'TCPWinProbe',
  'TCPKeepAlive',
  'TCPDelivered',
  'TCPAckCompressed',
  'TCPZeroWindowDrop',
  'TCPRcvQDrop',
  'TCPMD5NotFound',
  'TCPMD5Unexpected',
  'TCPMD5Failure',
  'TCPTimeWaitReuse',
  'TCPBacklogDrop',
] as const;

/** The name of a counter. */
export type CounterName = (typeof tcpCounterNames)[number] | (typeof tcpExtCounterNames)[number];

/** All counters of a host; CurrEstab is a gauge, the others only grow. */
export type Counters = Record<CounterName, number>;

/** Counters that all stand at zero. */
export function newCounters(): Counters {
  const names: CounterName[] = [...tcpCounterNames, ...tcpExtCounterNames];
  return Object.fromEntries(names.map((name) => [name, 0])) as Counters;
}
