/** What the explanations of header fields are made from. */
import type { Standing } from './conversation.ts';

/** What a field's explanation may need: how the packet stands to others, and where a SYN's sequence number comes from. */
export interface About extends Standing {
  readonly isn: IsnSource;
}

/** A generator of the stack's, a constant, or whoever made the packet. */
export type IsnSource = 'siphash' | 'md5' | 'constant' | 'forged' | 'script' | 'capture';
