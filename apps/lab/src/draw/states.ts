/** RFC 9293's state diagram (figure 5), placed by hand. `CLOSED ` with a space is the one at the bottom. */
import type { State } from '../../../../src/tcp/trace.ts';

export const places: Readonly<Record<string, { readonly x: number; readonly y: number }>> = {
  CLOSED: { x: 200, y: 22 },
  LISTEN: { x: 84, y: 92 },
  'SYN-SENT': { x: 316, y: 92 },
  'SYN-RECEIVED': { x: 84, y: 168 },
  ESTABLISHED: { x: 200, y: 230 },
  'FIN-WAIT-1': { x: 84, y: 296 },
  'CLOSE-WAIT': { x: 316, y: 296 },
  'FIN-WAIT-2': { x: 48, y: 388 },
  CLOSING: { x: 196, y: 350 },
  'LAST-ACK': { x: 316, y: 372 },
  'TIME-WAIT': { x: 120, y: 456 },
  'CLOSED ': { x: 316, y: 456 },
};

interface Edge {
  readonly from: State;
  readonly to: State;
  /** The place it ends at, if there are two of the state. */
  readonly end?: string;
  /** Event / what is sent, as in the RFC. */
  readonly label: string;
  readonly dx: number;
  readonly dy: number;
  readonly anchor: 'start' | 'middle' | 'end';
}

const edge = (
  from: State,
  to: State,
  label: string,
  dx = 0,
  dy = 0,
  anchor: Edge['anchor'] = 'middle',
  end?: string,
): Edge => ({
  from,
  to,
  label,
  dx,
  dy,
  anchor,
  ...(end === undefined ? {} : { end }),
});

export const edges: readonly Edge[] = [
  edge('CLOSED', 'LISTEN', 'listen()', -8, -2, 'end'),
  edge('CLOSED', 'SYN-SENT', 'connect() / SYN', 8, -2, 'start'),
  edge('LISTEN', 'SYN-RECEIVED', 'SYN / SYN+ACK', 6, 3, 'start'),
  edge('LISTEN', 'SYN-SENT', 'send / SYN', 0, -4),
  edge('SYN-SENT', 'SYN-RECEIVED', 'SYN / SYN+ACK', 30, 14),
  edge('SYN-RECEIVED', 'ESTABLISHED', 'ACK of SYN', 10, -2, 'start'),
  edge('SYN-SENT', 'ESTABLISHED', 'SYN+ACK / ACK', 8, 10, 'start'),
  edge('SYN-RECEIVED', 'FIN-WAIT-1', 'close / FIN', -5, 16, 'end'),
  edge('ESTABLISHED', 'FIN-WAIT-1', 'close / FIN', 10, 12, 'start'),
  edge('ESTABLISHED', 'CLOSE-WAIT', 'FIN / ACK', 10, -4, 'start'),
  edge('FIN-WAIT-1', 'FIN-WAIT-2', 'ACK of FIN', -8, 0, 'end'),
  edge('FIN-WAIT-1', 'CLOSING', 'FIN / ACK', 8, -4, 'start'),
  edge('FIN-WAIT-1', 'TIME-WAIT', 'FIN+ACK / ACK', 9, 24, 'start'),
  edge('FIN-WAIT-2', 'TIME-WAIT', 'FIN / ACK', -8, 6, 'end'),
  edge('CLOSING', 'TIME-WAIT', 'ACK of FIN', 24, 10, 'start'),
  edge('CLOSE-WAIT', 'LAST-ACK', 'close / FIN', 6, 3, 'start'),
  edge('LAST-ACK', 'CLOSED', 'ACK of FIN', 6, 3, 'start', 'CLOSED '),
  edge('TIME-WAIT', 'CLOSED', '2 MSL: 60 s', 0, -5, 'middle', 'CLOSED '),
];
