/** Servers on a stack of ours: echo (RFC 862), and a small HTTP/1.1 one for curl, browsers and load generators. */
import { createHash, type Hash } from 'node:crypto';
import type { ConnectionHandlers, StackConnection } from '../embed/connection.ts';
import type { Stack, StackListener } from '../embed/stack.ts';

/** Where a server of {@link serveEcho} and {@link serveHttp} listens: 0 lets the stack choose a port. */
export interface ServeOptions {
  readonly port: number;
  readonly address?: string;
  readonly backlog?: number;
}

/** What waits to be written; holds the other direction back while there is much of it. */
class Outbox {
  private readonly connection: StackConnection;
  private readonly queue: Uint8Array[] = [];
  private ending = false;

  constructor(connection: StackConnection) {
    this.connection = connection;
  }

  get empty(): boolean {
    return this.queue.length === 0;
  }

  write(bytes: Uint8Array): void {
    this.queue.push(bytes);
    this.flush();
  }

  end(): void {
    this.ending = true;
    this.flush();
  }

  flush(): void {
    for (let next = this.queue[0]; next !== undefined; next = this.queue[0]) {
      const written = this.connection.write(next);
      if (written < next.length) {
        this.queue[0] = next.subarray(written);
        return;
      }
      this.queue.shift();
    }
    if (this.ending) this.connection.end();
  }
}

/** Sends back what comes. @throws StackError if the port is taken */
export function serveEcho(stack: Stack, where: ServeOptions): StackListener {
  return stack.listen(where, (connection): ConnectionHandlers => {
    const out = new Outbox(connection);
    return {
      data: (bytes) => {
        out.write(bytes.slice());
        if (!out.empty) connection.pause();
      },
      drained: () => {
        out.flush();
        if (out.empty) connection.resume();
      },
      ended: () => out.end(),
    };
  });
}

const mostHead = 16_384;
const mostBytes = 2 ** 40;
const piece = new Uint8Array(65_536).fill(0x2e);
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/**
 * `GET /` greets, `GET /bytes/N` gives N bytes, `POST` and `PUT` of anything answer with the length and the SHA-256 of the
 * body. Keeps connections open, takes chunked bodies and `Expect: 100-continue`.
 * @throws StackError if the port is taken
 */
export function serveHttp(stack: Stack, where: ServeOptions): StackListener {
  return stack.listen(where, (connection) => new HttpConnection(connection).handlers);
}

/** Where a request's body is: nothing is left of it, `left` bytes, or in chunks. */
type Body = { left: number; chunked: boolean; hash: Hash; length: number };

class HttpConnection {
  readonly handlers: ConnectionHandlers;
  private readonly out: Outbox;
  private input: Buffer = Buffer.alloc(0);
  private body: Body | null = null;
  private keep = true;
  /** Bytes of a long answer that are still to be made. */
  private sending = 0;
  private over = false;

  constructor(connection: StackConnection) {
    this.out = new Outbox(connection);
    this.handlers = {
      data: (bytes) => {
        this.input = Buffer.concat([this.input, bytes]);
        this.work();
      },
      drained: () => {
        this.out.flush();
        this.work();
      },
      ended: () => {
        this.over = true;
        if (this.sending === 0) this.out.end();
      },
      closed: () => {
        this.over = true;
        this.sending = 0;
      },
    };
  }

  private work(): void {
    for (;;) {
      while (this.sending > 0 && this.out.empty) {
        const length = Math.min(this.sending, piece.length);
        this.sending -= length;
        this.out.write(piece.subarray(0, length));
      }
      if (this.sending > 0 || !this.out.empty) return;
      if (!this.keep || this.over) {
        this.out.end();
        return;
      }
      if (!(this.body === null ? this.head() : this.take(this.body))) return;
    }
  }

  /** Reads a request's head. @returns whether there was a whole one */
  private head(): boolean {
    // Empty lines before a request are passed over (RFC 9112 section 2.2): one may be left of a chunked body.
    while (this.input[0] === 13 && this.input[1] === 10) this.input = this.input.subarray(2);
    const end = this.input.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.input.length > mostHead) this.answer(431, 'the head of the request is too long\n', false);
      return this.input.length > mostHead;
    }
    const [first = '', ...lines] = this.input.subarray(0, end).toString('latin1').split('\r\n');
    this.input = this.input.subarray(end + 4);
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const [, method, path, minor] = /^([A-Z]+) (\S+) HTTP\/1\.([01])$/.exec(first) ?? [];
    if (method === undefined) this.answer(400, 'this is no HTTP/1 request\n', false);
    else {
      const wish = headers.get('connection')?.toLowerCase();
      this.keep = minor === '1' ? wish !== 'close' : wish === 'keep-alive';
      this.route(method, path!, headers);
    }
    return true;
  }

  private route(method: string, path: string, headers: ReadonlyMap<string, string>): void {
    const head = method === 'HEAD';
    const bytes = /^\/bytes\/(\d{1,13})$/.exec(path)?.[1];
    if (method === 'POST' || method === 'PUT') this.expectBody(headers);
    else if (method !== 'GET' && !head)
      this.answer(405, 'GET, HEAD, POST and PUT, nothing else\n', this.keep);
    else if (bytes !== undefined && Number(bytes) <= mostBytes) {
      this.start(200, Number(bytes), this.keep);
      if (!head) this.sending = Number(bytes);
    } else if (path === '/')
      this.answer(200, 'halfopen: this was served by a TCP in TypeScript\n', this.keep, head);
    else this.answer(404, 'there are / and /bytes/N\n', this.keep, head);
  }

  private expectBody(headers: ReadonlyMap<string, string>): void {
    const chunked = headers.get('transfer-encoding')?.toLowerCase() === 'chunked';
    const left = chunked ? 0 : Number(headers.get('content-length') ?? 0);
    if (!Number.isInteger(left) || left < 0 || left > mostBytes) {
      this.answer(400, 'a bad length\n', false);
      return;
    }
    if (headers.get('expect')?.toLowerCase() === '100-continue')
      this.out.write(latin1('HTTP/1.1 100 Continue\r\n\r\n'));
    this.body = { left, chunked, hash: createHash('sha256'), length: 0 };
  }

  /** Takes what is there of a body. @returns whether to go on */
  private take(body: Body): boolean {
    if (body.chunked && body.left === 0) {
      const end = this.input.indexOf('\r\n');
      if (end < 0) return false;
      const line = this.input.subarray(0, end).toString('latin1');
      this.input = this.input.subarray(end + 2);
      if (line === '' && body.length > 0) return true; // the end of the chunk before
      const size = /^([0-9a-fA-F]{1,8})(?:;.*)?$/.exec(line)?.[1];
      if (size === undefined) {
        this.answer(400, 'a bad chunk\n', false);
        return true;
      }
      body.left = Number.parseInt(size, 16);
      if (body.left === 0) return this.received(body);
      return true;
    }
    const part = this.input.subarray(0, body.left);
    this.input = this.input.subarray(part.length);
    body.hash.update(part);
    body.length += part.length;
    body.left -= part.length;
    if (body.left > 0) return false;
    return body.chunked ? true : this.received(body);
  }

  private received(body: Body): boolean {
    this.body = null;
    this.answer(200, `${body.length} ${body.hash.digest('hex')}\n`, this.keep);
    return true;
  }

  private start(status: number, length: number, keep: boolean): void {
    const names: Readonly<Record<number, string>> = {
      200: 'OK',
      400: 'Bad Request',
      404: 'Not Found',
      405: 'Method Not Allowed',
    };
    const head = [
      `HTTP/1.1 ${status} ${names[status] ?? 'Error'}`,
      'Content-Type: text/plain',
      `Content-Length: ${length}`,
    ];
    head.push(keep ? 'Connection: keep-alive' : 'Connection: close');
    this.out.write(latin1(`${head.join('\r\n')}\r\n\r\n`));
  }

  private answer(status: number, text: string, keep: boolean, headOnly = false): void {
    this.keep = keep;
    this.body = null;
    this.start(status, text.length, keep);
    if (!headOnly) this.out.write(latin1(text));
  }
}
