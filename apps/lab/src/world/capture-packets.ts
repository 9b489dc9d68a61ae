/** The packets of one attempt of a capture, read from its file a second time: explaining keeps no bytes. */
import { Decapsulator, Found } from '../../../../src/explain/decode/decapsulate.ts';
import { type Chunks, decompressed } from '../../../../src/explain/decode/gunzip.ts';
import type { Attempt } from '../../../../src/explain/judge/attempt.ts';
import { parseAddress } from '../../../../src/wire/address.ts';
import { type CapturedPacket, CaptureError } from '../../../../src/wire/captured-packet.ts';
import { encodeIcmp, protocolIcmp, protocolIcmpv6 } from '../../../../src/wire/icmp.ts';
import { encodeIp, ipPacket } from '../../../../src/wire/ip.ts';
import { CaptureReader } from '../../../../src/wire/pcap-reader.ts';
import type { CapturedBytes } from './foreign.ts';

/** Packets that are drawn of an attempt at most; its handshake and its end are among `evidence`, whatever it is. */
const mostPackets = 300;
/** Longer packets are drawn by their beginnings. */
const mostBytes = 2048;

/**
 * @param chunks the capture's bytes
 * @returns its packets in the order of the capture, as far as they can be shown. A capture that is damaged ends where it is.
 */
export async function packetsOf(chunks: Chunks, attempt: Attempt): Promise<CapturedBytes[]> {
  const { packets: seen } = attempt.evidence;
  const wanted = new Map(seen.slice(0, mostPackets).map((packet) => [packet.frame, packet]));
  const last = Math.max(...wanted.keys());
  const found: CapturedBytes[] = [];
  const decapsulator = new Decapsulator();
  let reached = 0;
  const first = seen[0]?.time ?? 0;
  const reader = new CaptureReader(
    (packet) => {
      reached = packet.frame;
      // Fragments of later packets may lie before them: every packet is looked at.
      const what = decapsulator.decode(packet);
      const about = wanted.get(packet.frame);
      if (about === undefined || what === Found.nothing) return;
      const bytes = what === Found.tcp ? tcpBytes(decapsulator) : icmpBytes(decapsulator, about.icmp?.sender);
      if (bytes === null) return;
      const at = Math.max(0, Math.round((about.time - first) / 1000));
      found.push({ at, frame: packet.frame, fromClient: about.fromClient, bytes });
    },
    () => {},
  );
  try {
    for await (const chunk of decompressed(chunks)) {
      reader.push(chunk);
      if (reached >= last) break;
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
  }
  return found;
}

/** The IP packet, with zeros where the capture cut it off. */
function tcpBytes(d: Decapsulator): Uint8Array | null {
  const header = d.addressesAt - (d.isIpv6 ? 8 : 12);
  const length = Math.min(mostBytes, d.tcpAt - header + d.segmentLength);
  const there = Math.min(length, d.tcpEnd - header);
  if (header < 0 || there < 40) return null;
  const bytes = new Uint8Array(length);
  bytes.set(d.data.subarray(header, header + there));
  const view = new DataView(bytes.buffer);
  // What the network card was to cut into packets has no length of its own.
  if (d.isIpv6) view.setUint16(4, length - 40);
  else view.setUint16(2, length);
  return bytes;
}

/** An ICMP error that quotes the attempt, made of what was read of it. */
function icmpBytes(d: Decapsulator, sender: string | undefined): Uint8Array | null {
  const header = d.addressesAt - (d.isIpv6 ? 8 : 12);
  if (sender === undefined || header < 0) return null;
  try {
    const source = parseAddress(sender);
    const size = d.isIpv6 ? 16 : 4;
    const quoted = d.data.slice(header, Math.min(d.tcpEnd, header + 128));
    const target = quoted.slice(d.isIpv6 ? 8 : 12, (d.isIpv6 ? 8 : 12) + size);
    const destination = parseAddress(
      d.isIpv6
        ? Array.from({ length: 8 }, (_, i) => ((target[2 * i]! << 8) | target[2 * i + 1]!).toString(16)).join(
            ':',
          )
        : target.join('.'),
    );
    const message = { type: d.icmpType, code: d.icmpCode, parameter: d.icmpParameter, body: quoted };
    return encodeIp(
      ipPacket({
        source,
        destination,
        protocol: d.isIpv6 ? protocolIcmpv6 : protocolIcmp,
        payload: encodeIcmp(message, source, destination),
      }),
    );
  } catch {
    // An address that cannot be written: the text says what there is to say.
    return null;
  }
}

export type { CapturedPacket };
