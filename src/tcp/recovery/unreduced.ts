/** Losses that say nothing of congestion: what is lost goes again, and the window stays (net/ipv4/tcp_input.c, 6.18). */
import { CaState } from '../congestion/state.ts';
import type { Connection } from '../connection.ts';
import { sendMss } from '../send/mss.ts';
import { retransmitLost } from '../send/retransmit.ts';
import { SYN_SENT } from '../state.ts';
import { currentThreshold, setCaState } from './prr.ts';
import { limitDuplicates, markLost } from './scoreboard.ts';
import { recoveryOf } from './state.ts';

/** The path takes less than was thought: what is too big now goes again, without a reduction (tcp_simple_retransmit). */
export function retransmitTooBig(conn: Connection): void {
  const { sendQueue } = conn;
  // A SYN and its data are two segments here but were one packet: all of it was too big.
  const mss = conn.synData && conn.state === SYN_SENT ? -1 : sendMss(conn);
  for (let s = sendQueue.head; s !== null && s !== sendQueue.sendHead; s = s.next)
    if ((s.packets > 1 ? s.mss : s.length) > mss) markLost(conn, s);
  if (conn.lostOut === 0) return;
  if (!conn.sackOk) limitDuplicates(conn);
  retransmitUnreduced(conn);
}

/** What is marked lost was not lost by congestion: it goes again, and the window stays (tcp_non_congestion_loss_retransmit). */
export function retransmitUnreduced(conn: Connection): void {
  if (conn.caState !== CaState.loss) {
    conn.highSeq = conn.sndNxt;
    conn.ssthresh = currentThreshold(conn);
    recoveryOf(conn).priorSsthresh = 0;
    recoveryOf(conn).undoing = false;
    setCaState(conn, CaState.loss);
  }
  retransmitLost(conn);
}
