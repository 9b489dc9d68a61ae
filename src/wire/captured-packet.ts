/** What readers of captures hand over, and how they say that one is damaged. */

import { HalfopenError } from './errors.ts';

/** The packet at hand: one record, filled anew for each packet. Whoever wants to keep anything copies it. */
export interface CapturedPacket {
  /** The buffer that holds the packet, and a view of the same bytes; offsets below are valid in both. */
  data: Uint8Array;
  view: DataView;
  /** The captured bytes, from the link-layer header on: `start` up to but not including `end`. */
  start: number;
  end: number;
  /** Length on the wire in bytes; more than `end - start` if the capture cut the packet. */
  wireLength: number;
  /** Seconds since 1970, and nanoseconds within the second. */
  seconds: number;
  nanoseconds: number;
  /** LINKTYPE_ number. */
  linkType: number;
  /** Which packet of the capture, from 1, as Wireshark counts. */
  frame: number;
}

/** The capture is damaged or cut off; everything before was delivered. */
export class CaptureError extends HalfopenError {
  /** Bytes from the beginning of the (uncompressed) capture to where reading stopped. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super('capture-damaged', `${message} (at byte ${offset})`);
    this.name = 'CaptureError';
    this.offset = offset;
  }
}

/** What a format's reader says about the record at the front of the bytes. */
export interface Step {
  /** Bytes that must be there before the record can be read. */
  need: number;
  /** Bytes to skip (they may reach beyond what is there yet). */
  skip: number;
  /** What is wrong, or null. */
  problem: string | null;
}
