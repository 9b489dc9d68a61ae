/** What was wrong with bytes or text that should have been a packet, an option, an address. */
export class DecodeError extends Error {
  /** A stable word for the kind of damage, such as `ip-truncated`. */
  readonly code: string;
  /** Where in the input: a byte offset, or a character's index in a text. */
  readonly offset: number;
  constructor(code: string, offset: number, message: string) {
    super(message);
    this.name = 'DecodeError';
    this.code = code;
    this.offset = offset;
  }
}
