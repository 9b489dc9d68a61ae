/** The rule of initial sequence numbers taken apart: what goes in, what each part gives, and the number in the packet. */
import { chooseIsn, isnClock, md5Transform, sipHash24, swap } from '../../../../src/tcp/handshake/isn.ts';
import { parseAddress } from '../../../../src/wire/address.ts';

interface IsnInput {
  readonly rule: 'siphash' | 'md5';
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
  /** Any text: the words of the secret are made of it. */
  readonly secret: string;
  /** µs since 1970. */
  readonly unixUs: number;
}

interface IsnSteps {
  /** The three words of the tuple, as a little-endian machine loads them. */
  readonly words: readonly number[];
  /** The key (four words) or the block (sixteen). */
  readonly secret: readonly number[];
  /** What the hash gives: its low word, or the four words of the MD5 state. */
  readonly hash: readonly number[];
  readonly clock: number;
  readonly isn: number;
}

/** Words of a secret from a text, so that a change of one letter changes all: a generator seeded by its bytes. */
function wordsOf(secret: string, count: number): number[] {
  let seed = 2_166_136_261;
  for (const byte of new TextEncoder().encode(secret)) seed = Math.imul(seed ^ byte, 16_777_619);
  return Array.from({ length: count }, () => {
    seed = (seed + 0x9e3779b9) | 0;
    let x = Math.imul(seed ^ (seed >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) | 0;
  });
}

/** Takes the rule apart. @throws Error if an address is none, or not of IPv4 */
export function isnSteps(input: IsnInput): IsnSteps {
  const [local, remote] = [parseAddress(input.local), parseAddress(input.remote)];
  if (local.family !== 4 || remote.family !== 4) throw new RangeError('the workbench takes IPv4 addresses');
  const swapPort = (port: number): number => swap(port << 16) & 0xffff;
  const ports = (swapPort(input.localPort) << 16) | swapPort(input.remotePort) | 0;
  const words = [swap(local.w3), swap(remote.w3), ports];
  const secret = wordsOf(input.secret, input.rule === 'md5' ? 16 : 4);
  const clock = isnClock(input.unixUs);
  const tuple = { local, localPort: input.localPort, remote, remotePort: input.remotePort };
  if (input.rule === 'siphash') {
    const key = secret as unknown as readonly [number, number, number, number];
    const isn = chooseIsn({ kind: 'siphash', key }, tuple, input.unixUs);
    return { words, secret, hash: [sipHash24(key, words, 3)], clock, isn };
  }
  const state = Int32Array.from([...words, secret[15]!]);
  md5Transform(state, secret);
  return {
    words,
    secret,
    hash: [...state],
    clock,
    isn: chooseIsn({ kind: 'md5', secret }, tuple, input.unixUs),
  };
}
