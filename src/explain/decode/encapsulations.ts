/**
 * Names for what a packet was wrapped in. The same tuple in two tunnels is two connections: each distinct
 * stack of layers gets a small number, 0 for none, that is part of an attempt's key.
 */

/** One layer around the IP packet that carries TCP. MPLS labels differ by direction, so they tell nothing apart. */
export const Layer = {
  vlan: 1,
  vxlan: 2,
  geneve: 3,
  gre: 4,
  erspan: 5,
  pppoe: 6,
  mpls: 7,
  ipip: 8,
  '6in4': 9,
  '4in6': 10,
  gtp: 11,
  teredo: 12,
  l2tp: 13,
  capwap: 14,
  pbb: 15,
  etherip: 16,
} as const;

const names = Object.fromEntries(Object.entries(Layer).map(([name, kind]) => [kind, name]));

/** Beyond this many, attempts are still told apart, by hash, but their layers have no name any more. */
const MAX_NAMED = 65_536;
const UNNAMED = -0x80000000;

/** What encapsulations with a number below 0 are called. */
export const NAMELESS = 'an encapsulation without a name';

/** Collects the layers of the packet at hand and numbers each distinct stack. */
export class Encapsulations {
  private readonly kinds = new Int32Array(32);
  private readonly ids = new Int32Array(32);
  private readonly pairs = new Int32Array(32);
  private count = 0;
  private hash = 0;
  private lastHash = 0;
  private lastNumber = 0;
  private readonly numbers = new Map<string, number>();
  private readonly texts: string[] = [''];
  /** Packets that may carry TCP in a form that cannot be read: compressed by the link, or by IPComp. */
  leftOut = 0;

  /** Begins a packet. */
  clear(): void {
    this.count = 0;
    this.hash = 0;
  }

  /**
   * Adds a layer, from the outside in.
   * @param id VLAN, VNI, session or key; 0 if there is none
   * @param pair a value the same for both directions of a tunnel (both outer addresses mixed); 0 if it does not matter
   */
  add(kind: number, id: number, pair = 0): void {
    const n = this.count;
    if (n === this.kinds.length) return;
    this.kinds[n] = kind;
    this.ids[n] = id;
    this.pairs[n] = pair;
    this.count = n + 1;
    const label = kind === Layer.mpls ? 0 : id;
    this.hash = Math.imul(this.hash ^ kind ^ Math.imul(label, 0x9e3779b1) ^ pair, 0x85ebca6b) ^ n;
  }

  /** The number of the stack added since {@link clear}. */
  number(): number {
    if (this.count === 0) return 0;
    if (this.hash === this.lastHash && this.lastNumber !== 0) return this.lastNumber;
    let key = '';
    let text = '';
    for (let n = 0; n < this.count; n++) {
      const kind = this.kinds[n]!;
      const id = kind === Layer.mpls ? 0 : this.ids[n]!;
      key += `${kind}.${id}.${this.pairs[n]} `;
      text += `${n > 0 ? ' / ' : ''}${names[kind]}${id === 0 ? '' : ` ${id >>> 0}`}`;
    }
    let number = this.numbers.get(key);
    if (number === undefined) {
      if (this.texts.length > MAX_NAMED) return this.hash | UNNAMED;
      number = this.texts.length;
      this.numbers.set(key, number);
      this.texts.push(text);
    }
    this.lastHash = this.hash;
    this.lastNumber = number;
    return number;
  }

  /** A number's layers as text, from the outside in: `vlan 10 / vxlan 5000`. Empty for none. */
  text(number: number): string {
    return this.texts[number] ?? NAMELESS;
  }
}
