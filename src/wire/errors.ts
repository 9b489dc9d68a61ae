/** The base of all errors that the library throws on purpose: `error instanceof HalfopenError`, then `error.code`. */
export class HalfopenError extends Error {
  /** A stable word for programs, such as `ECONNREFUSED` or `ip-truncated`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HalfopenError';
    this.code = code;
  }
}

/** What was wrong with bytes or text that should have been a packet, an option, an address. */
export class DecodeError extends HalfopenError {
  /** Where in the input: a byte offset, or a character's index in a text. */
  readonly offset: number;
  /** @param code a stable word for the kind of damage, such as `ip-truncated` */
  constructor(code: string, offset: number, message: string) {
    super(code, message);
    this.name = 'DecodeError';
    this.offset = offset;
  }
}
