/**
 * The TCP of one host: no clock, no randomness, no I/O. Time comes in with every call, packets come in through
 * `input` and go out through `out`, timers are run by whoever has a clock: `handleTimers(now)` at `nextDeadline()`.
 */
import { Segment } from '../wire/segment.ts';
import { Connection, type ConnectionServices, Timer } from './connection.ts';
import { onSynAckTimer } from './handshake/fast-open-passive.ts';
import type { Request } from './handshake/request.ts';
import { icmpInput } from './icmp.ts';
import { input } from './input.ts';
import { ListenerTable } from './listeners.ts';
import { onCompressedAckTimer, onDelayedAckTimer } from './receive/delayed-ack.ts';
import { onLossProbeTimer, onReorderTimer, onRetransmitTimer } from './recovery/timers.ts';
import { onKeepaliveTimer } from './send/keepalive.ts';
import { onProbeTimer } from './send/zero-window.ts';
import { Services } from './services.ts';
import { Options } from './socket/options.ts';
import { onFinWaitTimer, waitsForFin } from './states/fin-wait-2.ts';
import type { TimeWait } from './states/time-wait.ts';
import type { TupleTable } from './table.ts';

/** Anything that stands in the four-tuple table. */
type Entry = Connection | Request | TimeWait;

/** One host's TCP: the services that its parts use, and the doors by which packets, time and sockets come in. */
export class Tcp extends Services implements ConnectionServices {
  declare readonly table: TupleTable<Entry>;
  readonly listeners: ListenerTable<Connection> = new ListenerTable();
  /** The options of sockets that nobody has tuned yet. */
  private freshOptions: Options = new Options();
  private readonly segment: Segment = new Segment();

  /** A fresh connection in CLOSED, as socket() makes it. */
  newConnection(): Connection {
    const { tcp_congestion_control: congestion, tcp_rmem, tcp_wmem } = this.sysctls;
    this.freshOptions = this.freshOptions.with('congestion', congestion);
    const conn = new Connection(this, this.nextId(), this.freshOptions);
    conn.rcvBuf = tcp_rmem[1];
    conn.sndBuf = tcp_wmem[1];
    return conn;
  }

  /**
   * Takes an IP packet that arrived.
   * @param view a view over `bytes`; `offset` is where the packet starts, `length` how long it is in bytes
   */
  input(now: number, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    this.now = now;
    input(this, this.segment, bytes, view, offset, length);
  }

  /** Takes an IP packet that carries ICMP or ICMPv6. */
  icmp(now: number, packet: Uint8Array): void {
    this.now = now;
    icmpInput(this, packet);
  }

  /** When `handleTimers` has to be called next, µs; Infinity if never. */
  nextDeadline(): number {
    return this.timers.nextDeadline();
  }

  /** Runs the timers that are due at `now`, each at its own time. */
  handleTimers(now: number): void {
    this.now = now;
    this.timers.run(now);
  }

  connectionTimer(conn: Connection, kind: number): void {
    switch (kind) {
      case Timer.retransmit:
        if (conn.earlyRequest === null) onRetransmitTimer(conn);
        else onSynAckTimer(conn, conn.earlyRequest);
        break;
      case Timer.delayedAck:
        onDelayedAckTimer(conn);
        break;
      case Timer.keepalive:
        if (waitsForFin(conn)) onFinWaitTimer(conn);
        else onKeepaliveTimer(conn);
        break;
      case Timer.lossProbe:
        onLossProbeTimer(conn);
        break;
      case Timer.reorder:
        onReorderTimer(conn);
        break;
      case Timer.compressedAck:
        onCompressedAckTimer(conn);
        break;
      default:
        onProbeTimer(conn);
    }
  }
}
