/** The segment at hand: times in ns since the capture's base, lengths in bytes. */
export interface Segment {
  time: number;
  frame: number;
  flags: number;
  seq: number;
  ack: number;
  payload: number;
  header: number;
}
