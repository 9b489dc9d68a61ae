/** Whether a stack can be made from what its program asks for. */
import { parsePrefix } from '../host/index.ts';
import { isPort, parseAddress } from '../wire/address.ts';
import type { StackConnectOptions, StackOptions } from './stack.ts';

const isWord = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= -(2 ** 31) && Number(value) < 2 ** 32;

const areWords = (value: unknown, count: number): boolean =>
  Array.isArray(value) && value.length === count && value.every(isWord);

/**
 * @throws RangeError for an option out of its range
 * @throws DecodeError if an address is invalid
 */
export function checkOptions(options: StackOptions): void {
  const { addresses, gateway, mtu, isn, epochUs, maxConnections } = options;
  if (addresses.length === 0) throw new RangeError('addresses must have one at least, such as 192.0.2.1/24');
  for (const text of addresses)
    if (!/\/\d+$/.test(text)) throw new RangeError(`'${text}' has no prefix length, as 192.0.2.1/24 has`);
  const families = addresses.map((text) => parsePrefix(text).address.family);
  if (mtu !== undefined) {
    // RFC 791 section 3.2 and RFC 8200 section 5; the most that an IPv4 packet's length can say.
    const least = families.includes(6) ? 1280 : 68;
    if (!(Number.isInteger(mtu) && mtu >= least && mtu <= 65_535))
      throw new RangeError(`mtu must be an integer from ${least} to 65535, not ${mtu}`);
  }
  if (gateway !== undefined) {
    const { family } = parseAddress(gateway);
    if (!families.includes(family))
      throw new RangeError(`the gateway ${gateway} needs an IPv${family} address among the stack's own`);
  }
  if (epochUs !== undefined && !Number.isSafeInteger(epochUs))
    throw new RangeError(`epochUs must be an integer, not ${epochUs}`);
  if (maxConnections !== undefined && !(Number.isInteger(maxConnections) && maxConnections >= 1))
    throw new RangeError(`maxConnections must be an integer from 1, not ${maxConnections}`);
  if (isn !== undefined) checkIsn(isn);
}

/** @throws RangeError for an option out of its range */
export function checkConnectOptions({ timeoutUs, localPort }: StackConnectOptions): void {
  if (timeoutUs !== undefined && !(timeoutUs > 0))
    throw new RangeError(`timeoutUs must be a number of µs above 0, not ${timeoutUs}`);
  if (localPort !== undefined && !isPort(localPort, 0))
    throw new RangeError(`localPort must be an integer from 0 to 65535, not ${localPort}`);
}

function checkIsn(isn: NonNullable<StackOptions['isn']>): void {
  if (isn === 'siphash' || isn === 'md5') return;
  const { kind } = isn;
  if (kind === 'constant') {
    if (!isWord(isn.value)) throw new RangeError(`isn.value must be a 32-bit integer, not ${isn.value}`);
  } else if (kind === 'siphash') {
    if (!areWords(isn.key, 4)) throw new RangeError('isn.key must be four 32-bit integers');
  } else if (kind === 'md5') {
    if (!areWords(isn.secret, 16)) throw new RangeError('isn.secret must be 16 32-bit integers');
  } else
    throw new RangeError(
      `isn must be siphash, md5, or one of these or constant in detail, not ${kind ?? isn}`,
    );
}
