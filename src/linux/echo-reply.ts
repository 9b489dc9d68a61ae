/** Answers to ping, which the stack itself does not give: it has only TCP. */
import { type Address, sameAddress } from '../wire/address.ts';
import { fold, sumBytes } from '../wire/checksum.ts';
import { decodeIcmp, encodeIcmp, protocolIcmp, protocolIcmpv6 } from '../wire/icmp.ts';
import { decodeIp, encodeIp, ipPacket } from '../wire/ip.ts';
import { pseudoHeaderSum } from '../wire/tcp.ts';

const request = { [protocolIcmp]: 8, [protocolIcmpv6]: 128 } as const;
const reply = { [protocolIcmp]: 0, [protocolIcmpv6]: 129 } as const;

/**
 * The answer to an echo request (RFC 792, RFC 4443 section 4.2); null for any other packet, one that is not for an
 * address in `own`, a fragment, or one whose checksum is wrong.
 * @throws DecodeError for bytes that are no IP packet
 */
export function echoReply(bytes: Uint8Array, own: readonly Address[]): Uint8Array | null {
  const protocol = bytes[0]! >> 4 === 4 ? bytes[9] : bytes[6];
  if (protocol !== protocolIcmp && protocol !== protocolIcmpv6) return null;
  const { source, destination, payload } = decodeIp(bytes);
  if ((protocol === protocolIcmp) !== (source.family === 4)) return null;
  if (source.family === 4 && ((bytes[6]! & 0x3f) | bytes[7]!) !== 0) return null;
  if (!own.some((address) => sameAddress(address, destination))) return null;
  const pseudo = source.family === 6 ? pseudoHeaderSum(source, destination, protocol, payload.length) : 0;
  if (payload.length < 8 || fold(sumBytes(payload, 0, payload.length, pseudo)) !== 0) return null;
  const message = decodeIcmp(payload);
  if (message.type !== request[protocol] || message.code !== 0) return null;
  const answer = encodeIcmp({ ...message, type: reply[protocol] }, destination, source);
  return encodeIp(
    ipPacket({
      source: destination,
      destination: source,
      protocol,
      payload: answer,
      ttl: 64,
      dontFragment: false,
    }),
  );
}
