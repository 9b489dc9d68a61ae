/** Socket addresses as the kernel lays them out. */
import { type Address, parseAddress, toMapped } from '../wire/address.ts';
import { K } from './sys.ts';

/** An address as bytes in network order: 4 of IPv4, 16 of IPv6. */
export function addressBytes(address: Address): Buffer {
  const bytes = Buffer.alloc(16);
  [address.w0, address.w1, address.w2, address.w3].forEach((word, i) => {
    bytes.writeInt32BE(word, 4 * i);
  });
  return address.family === 4 ? bytes.subarray(12) : bytes;
}

/** A `struct sockaddr_in` or `sockaddr_in6`; AF_UNSPEC is zeros with the port. An IPv4 address of an IPv6 family is mapped. */
export function encodeSockaddr(family: number, ip: string, port: number): Buffer {
  const six = family === K.AF_INET6;
  const bytes = Buffer.alloc(six ? 28 : 16);
  bytes.writeUInt16LE(family, 0);
  bytes.writeUInt16BE(port & 0xffff, 2);
  if (family === 0) return bytes;
  const address = parseAddress(ip);
  bytes.set(addressBytes(six ? toMapped(address) : address), six ? 8 : 4);
  return bytes;
}
