/** `connect` for HTTP clients: Node's agents, and undici. */
import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { type ConnectOptions, connect, type DialOptions } from './dial.ts';

/** What an agent calls with the connection it made. */
export type AgentCallback = (error: Error | null, stream: Duplex) => void;

/** A node:http agent whose connections are made by {@link connect}. */
export class HttpAgent extends http.Agent {
  /** @param options those of http.Agent, and `prevent` */
  constructor(options?: http.AgentOptions & DialOptions) {
    super(options);
  }

  /** Called by node:http. */
  override createConnection(options: http.ClientRequestArgs): Socket {
    return connect(options as ConnectOptions);
  }
}

/**
 * A node:https agent whose connections are made by {@link connect}. A request gets its socket when the TCP connection
 * stands: what `request.setTimeout` sets counts from then on. The option `timeout` (milliseconds) of the request or the
 * agent holds for the connect too, which it ends with ETIMEDOUT.
 */
export class HttpsAgent extends https.Agent {
  /** @param options those of https.Agent, and `prevent` */
  constructor(options?: https.AgentOptions & DialOptions) {
    super(options);
  }

  /** Called by node:https. TLS starts when the TCP connection is known to be with someone else. */
  override createConnection(options: https.RequestOptions, created: AgentCallback): undefined {
    const socket = connect(options as ConnectOptions);
    const failed = (error: Error): void => created(error, undefined as never);
    const tooLong = (): void => {
      const message = `connecting to ${options.host}:${options.port} took longer than ${options.timeout} ms`;
      socket.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
    };
    socket.once('error', failed).once('timeout', tooLong);
    socket.once('connect', () => {
      socket.off('error', failed).off('timeout', tooLong);
      created(null, super.createConnection({ ...options, socket } as https.RequestOptions)!);
    });
  }
}

/** Options of {@link undiciConnector}: those of tls.connect, which are used for https, and these. */
export interface UndiciConnectorOptions extends tls.ConnectionOptions, DialOptions {
  /** Milliseconds until a connect is given up with UND_ERR_CONNECT_TIMEOUT; 10,000 by default, 0 for never. */
  readonly timeout?: number;
  /** Offer HTTP/2 in the TLS handshake. */
  readonly allowH2?: boolean;
}

/** What undici passes to a connector. */
export interface UndiciTarget {
  hostname: string;
  host?: string;
  protocol: string;
  port: string;
  servername?: string;
  localAddress?: string | null;
  httpSocket?: Socket;
}
/** How a connector answers undici. */
export type UndiciCallback = (...answer: [null, Socket | tls.TLSSocket] | [Error, null]) => void;

/**
 * A connector for undici: `new Agent({ connect: undiciConnector() })`, also for Client and Pool. TCP connections are
 * made by {@link connect}; the rest is as with undici's own (no delay, keep-alive after 60 s, a time-out).
 */
export function undiciConnector(
  options: UndiciConnectorOptions = {},
): (target: UndiciTarget, callback: UndiciCallback) => void {
  const { timeout = 10_000, allowH2 = false, prevent, ...rest } = options;
  const sessions = new Map<string, Buffer>();

  const secure = (target: UndiciTarget, socket: Socket): tls.TLSSocket => {
    const { hostname: host } = target;
    // An address is no server name (RFC 6066, section 3); the certificate is then checked against `host`.
    const servername = target.servername || options.servername || (isIP(host) ? '' : host);
    const key = servername || host;
    const session = options.session ?? sessions.get(key);
    const secured = tls.connect({
      ...rest,
      host,
      servername,
      ALPNProtocols: allowH2 ? ['http/1.1', 'h2'] : ['http/1.1'],
      socket,
      ...(session && { session }),
    });
    return secured.on('session', (ticket: Buffer) => {
      sessions.delete(key);
      if (sessions.size >= 100) sessions.delete(sessions.keys().next().value!);
      sessions.set(key, ticket);
    });
  };

  return (target, callback) => {
    const secured = target.protocol === 'https:';
    const socket =
      target.httpSocket ??
      connect({
        ...(rest as object),
        host: target.hostname,
        port: Number(target.port || (secured ? 443 : 80)),
        prevent,
        ...(target.localAddress && { localAddress: target.localAddress }),
      });
    socket.setNoDelay(true).setKeepAlive(true, 60_000);
    const timer = timeout > 0 ? setTimeout(giveUp, timeout) : undefined;
    let stream: Socket = socket;
    let answered = false;

    function answer(...result: Parameters<UndiciCallback>): void {
      clearTimeout(timer);
      if (!answered) callback(...result);
      answered = true;
    }
    function giveUp(): void {
      const message = `connecting to ${target.hostname}:${target.port} took longer than ${timeout} ms`;
      stream.destroy(Object.assign(new Error(message), { code: 'UND_ERR_CONNECT_TIMEOUT' }));
    }
    const failed = (error: Error): void => answer(error, null);

    socket.on('error', failed);
    const connected = (): void => {
      if (!secured) {
        answer(null, socket);
        return;
      }
      stream = secure(target, socket)
        .on('error', failed)
        .once('secureConnect', () => answer(null, stream));
    };
    if (target.httpSocket) connected();
    else socket.once('connect', connected);
  };
}
