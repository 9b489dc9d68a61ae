/**
 * The form of what is kept of attempts while the capture is read: records in typed arrays, so that a million of them cost neither the
 * garbage collector nor, beyond their 384 bytes, memory. An attempt's packets are a linked list of event records; the first three
 * (of nearly all attempts: all) are in the attempt's own record. Memory that is not in the processor's cache is what costs
 * time here, 100 to 250 ns a look on a busy machine against 3 for a packet's arithmetic: hence the layout.
 *
 * Files of the hot path take the names that they use out of this module once, as constants of their own: V8 compiles those as the
 * numbers they are, but loads what another module exports from memory at each use, which took twice as long.
 */

/**
 * Fields of an attempt's record: int32 words from `slot * WORDS` on. A record is six cache lines of 64 bytes: one for nearly all that
 * packets of an established connection need, one for those of the handshake, one for what is asked once or twice, three events.
 */
export const WORDS = 96;
export const PORTS = 0; // client << 16 | server
export const CLIENT_LOW = 1; // last words of the addresses: of IPv4, the addresses
export const SERVER_LOW = 2;
export const ENCAPSULATION = 3;
export const HASH = 4;
export const NEXT = 5; // next record with the same hash, or of the free list; -1 at the end
export const STATE = 6;
export const LAST_FRAME = 7;
export const CLIENT_NEXT = 8; // one past the highest sequence number seen
export const SERVER_NEXT = 9;
export const CLIENT_PACKETS = 10;
export const SERVER_PACKETS = 11;
// Words 12 to 17 are doubles, see below; word 16 begins the second line.
export const HISTORY = 18; // two words of letters, four bits each
export const CLIENT_ISN = 20;
export const SERVER_ISN = 21;
export const SYNS = 22; // distinct transmissions, and duplicates << 16
export const SYNACKS = 23;
export const EVENTS = 24;
export const NEWEST_EVENT = 25; // the list runs from the newest to the oldest
export const PAGED_EVENTS = 26; // how many of its events are not in the record
export const NUMBER = 27;
export const FIRST_FRAME = 28;
export const OFFER = 29; // of the SYN: window scale (31: none), SACK << 5, ECN << 6, Fast Open << 7
export const PREVIOUS_STATE = 30; // of the attempt before on the same tuple: its STATE when this one began
export const PREVIOUS_AGE = 31; // milliseconds since its last packet, then
export const CLIENT = 32; // four words of address, as in wire/address.ts
export const SERVER = 36;
export const PREVIOUS = 40; // its number; 0 for none
export const OLDEST_PAGED = 41; // the oldest event that is not in the record
// What happened after the handshake, and only if it is remarkable: nearly no packet needs these.
export const SERVER_END = 42; // ms from the first packet to the server's FIN or RST, if it had sent no data; plus 1
export const TLS = 43; // bytes of the ClientHello that is the client's first data; what the server's begins with << 16, an alert's reason << 24
export const STALL_SEQ = 44; // the first byte that was sent again and not acknowledged since
export const STALL_SIZE = 45; // the least payload it was sent with, how many times again << 16, STALL_SERVER
export const STALL_REST = 46; // the largest piece beyond it that arrived (SACK), when it was last sent again (ms) << 16
// Of an attempt that was answered from elsewhere (ELSEWHERE), and so never gets as far, the same words hold that address.
export const OTHER_PORT = 42;
export const OTHER = 43; // four words
export const LEG = 47; // number of another attempt that shows the same SYN elsewhere on its way
// Words 48 to 95 are the events in the record, each with its time in its last two words.
export const OWN_WORDS = 48;
/** Events in the record, and the most option bytes that one of them has room for. */
export const OWN_EVENTS = 3;
export const OWN_EVENT_WORDS = 16;
export const OWN_OPTION_BYTES = 24;

/** Fields that need 53 bits: doubles from `slot * DOUBLES` on, in the same memory. Times are ns since the capture's base. */
export const DOUBLES = 48;
export const LAST_TIME = 6;
export const CLIENT_BYTES = 7;
export const SERVER_BYTES = 8;
export const FIRST_TIME = 31; // of its first event as well
export const OWN_TIMES = 31;
export const OWN_EVENT_DOUBLES = 8;

/** The bit of OFFER for Fast Open. */
export const OFFER_FAST_OPEN = 0x80;

/** Bits of STATE. */
export const SYN_SEEN = 1;
export const SYNACK_SEEN = 0x2; // one that acknowledges the SYN
export const CONFIRMED = 0x4; // the client acknowledged the server's SYN
export const SERVER_SYN = 0x8; // a SYN without ACK from the other side
export const CLIENT_FIN = 0x10;
export const SERVER_FIN = 0x20;
export const CLIENT_RST = 0x40;
export const SERVER_RST = 0x80;
export const CLIENT_DATA = 0x100;
export const SERVER_DATA = 0x200;
export const IPV6 = 0x400;
export const ICMP_SEEN = 0x800;
export const MID_STREAM = 0x1000; // began without any SYN
export const CLIENT_KNOWN = 0x2000; // CLIENT_NEXT is valid
export const SERVER_KNOWN = 0x4000;
export const USED = 0x8000;
export const CLIENT_ACK = 0x10000;
export const SERVER_ACK = 0x20000;
export const COOKIE = 0x40000;
export const TWO_ENCAPSULATIONS = 0x80000; // one direction wrapped otherwise than the other
export const PREDICTABLE = 0x100000;
export const EVENTS_LEFT_OUT = 0x200000;
export const ISN_REWRITTEN = 0x400000;
export const REORDERED = 0x800000; // a later packet of the handshake came earlier in the capture
export const SETTLED = 0x1000000; // only SYN, FIN and RST are still of interest
export const TOLD = 0x2000000; // already handed out; kept so that what comes later finds it
export const REWRAPPED = 0x4000000; // its SYN is in the capture in another encapsulation too
export const OTHERS_SERVED = 0x8000000; // it was not answered, but others were connected there at that time; set when it is told
export const STALLED = 0x20000000; // something was sent again and is not acknowledged: STALL_SEQ and so on hold what
export const LEFT_OUT = 0x40000000; // the capture has packets that could not be read and may be of this attempt; set when it is told
export const DATA_ON_SYN = 0x10000000; // so CLIENT_DATA or SERVER_DATA does not tell whether the history has a letter for data

/** In STALL_SIZE: the server's data. */
export const STALL_SERVER = 0x1000000;

export const ELSEWHERE = -0x80000000; // the answer came from another address than was asked: OTHER

/** Whether a STATE has FINs from both sides. */
export const hasClosed = (state: number): boolean =>
  (state & (CLIENT_FIN | SERVER_FIN)) === (CLIENT_FIN | SERVER_FIN);

/** Fields of an event: words of its page. */
export const EVENT_WORDS = 18;
export const E_FRAME = 0;
export const E_SEQ = 1;
export const E_ACK = 2; // of an ICMP error: type << 8 | code
export const E_FLAGS = 3; // TCP flags (9 bits), the bits below, option bytes << 24
export const E_WINDOW = 4; // window, TTL << 16
export const E_LENGTH = 5; // payload bytes
export const E_NEXT = 6;
export const E_ID = 7; // IPv4 identification, TCP checksum << 16
export const E_OPTIONS = 8; // up to 40 bytes; of an ICMP error: the address of who sent it

/** Bits of E_FLAGS above the TCP flags. */
export const FROM_CLIENT = 0x200;
export const DUPLICATE = 0x400; // the same packet captured twice
export const MISMATCH = 0x800; // its numbers do not belong to this attempt
export const IS_ICMP = 0x1000;
export const OPTIONS_CUT = 0x2000;
export const BAD_OUTER = 0x4000; // the UDP checksum of the tunnel around it is wrong

/** Zeek's history letters, by number. */
export const H_SYN = 1;
export const H_SYNACK = 2;
export const H_ACK = 3;
export const H_DATA = 4;
export const H_FIN = 5;
export const H_RST = 6;
/** Added to a letter's number if the server sent it. */
export const H_SERVER = 7;

/** From this number on, an event is one of an attempt's own record: this, plus slot << 2, plus which. */
export const OWN = 0x40000000;
