/** What a connection looks like at a moment, as values. */
import type { Connection } from '../tcp/connection.ts';
import { tcpInfo } from '../tcp/socket/info.ts';
import { readable } from '../tcp/socket/socket-calls.ts';
import { stateName } from '../tcp/state.ts';
import type { State } from '../tcp/trace.ts';

/** A snapshot of a connection. Nothing in it changes afterwards. */
export interface ConnectionInfo {
  /** RFC 9293's name, such as `ESTABLISHED`. */
  readonly state: State;
  /** Smoothed round-trip time and its mean deviation, µs; 0 before the first sample. */
  readonly roundTripUs: number;
  readonly roundTripDeviationUs: number;
  /** The retransmission time-out, µs. */
  readonly retransmitTimeoutUs: number;
  /** Bytes of data that a segment may carry. */
  readonly maxSegment: number;
  /** Segments. */
  readonly congestionWindow: number;
  readonly slowStartThreshold: number;
  /** Bytes that the peer would take, and that this side would. */
  readonly sendWindow: number;
  readonly receiveWindow: number;
  /** Bytes that were written and not sent yet; segments that were sent and not acknowledged. */
  readonly unsent: number;
  readonly unacknowledged: number;
  /** Bytes that arrived and were not read yet: only while paused. */
  readonly unread: number;
  /**
   * Bytes of data: sent (retransmissions included), acknowledged by the peer (the SYN
   * counts as one, as in Linux), received. */
  readonly bytesSent: number;
  readonly bytesAcknowledged: number;
  readonly bytesReceived: number;
  /** Segments sent, received, and sent again. */
  readonly segmentsSent: number;
  readonly segmentsReceived: number;
  readonly retransmissions: number;
}

export function connectionInfo(conn: Connection): ConnectionInfo {
  const info = tcpInfo(conn);
  return {
    state: stateName(conn.state),
    roundTripUs: info.tcpi_rtt!,
    roundTripDeviationUs: info.tcpi_rttvar!,
    retransmitTimeoutUs: info.tcpi_rto!,
    maxSegment: info.tcpi_snd_mss!,
    congestionWindow: info.tcpi_snd_cwnd!,
    slowStartThreshold: info.tcpi_snd_ssthresh!,
    sendWindow: info.tcpi_snd_wnd!,
    receiveWindow: info.tcpi_rcv_wnd!,
    unsent: info.tcpi_notsent_bytes!,
    unacknowledged: info.tcpi_unacked!,
    unread: readable(conn),
    bytesSent: info.tcpi_bytes_sent!,
    bytesAcknowledged: info.tcpi_bytes_acked!,
    bytesReceived: info.tcpi_bytes_received!,
    segmentsSent: info.tcpi_segs_out!,
    segmentsReceived: info.tcpi_segs_in!,
    retransmissions: info.tcpi_total_retrans!,
  };
}
