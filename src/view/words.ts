/** A sentence in English and in Chinese for every code of tcp/reasons.ts. */
import type { Language, Words } from '../messages/message.ts';
import type { Reason } from '../tcp/reasons.ts';

export type { Language, Words } from '../messages/message.ts';

export const words: Readonly<Record<Reason, Words>> = {
  'active-open': { en: 'connect() was called: a SYN goes out', zh: '调用了 connect()：发出 SYN' },
  'passive-open': { en: 'listen() was called', zh: '调用了 listen()' },
  'syn-received': {
    en: 'a SYN arrived for a listener: answered with SYN+ACK',
    zh: '监听端收到 SYN：以 SYN+ACK 应答',
  },
  'syn-ack-received': {
    en: 'our SYN was acknowledged by a SYN+ACK',
    zh: '收到 SYN+ACK，我方的 SYN 已被确认',
  },
  'simultaneous-syn': {
    en: 'a SYN came in answer to our SYN: both sides open at once (simultaneous open)',
    zh: '发出 SYN 后收到的也是 SYN：双方同时打开',
  },
  'handshake-ack': {
    en: 'our SYN was acknowledged: the handshake is complete',
    zh: '我方的 SYN 已被确认：握手完成',
  },
  'fast-open-accepted': {
    en: 'the SYN carried a valid Fast Open cookie: its data is taken before the handshake ends',
    zh: 'SYN 带有有效的 Fast Open cookie：握手完成之前即接受其数据',
  },
  'cookie-ack': {
    en: 'the ACK carried a valid SYN cookie: the connection exists from now on',
    zh: 'ACK 带有有效的 SYN cookie：连接由此建立',
  },
  'close-called': {
    en: 'close() or shutdown() was called: a FIN goes out',
    zh: '调用了 close() 或 shutdown()：发出 FIN',
  },
  'fin-received': { en: 'the peer sent FIN: it has no more data', zh: '收到对方的 FIN：对方不再发送数据' },
  'fin-acked': { en: 'our FIN was acknowledged', zh: '我方的 FIN 已被确认' },
  'time-wait-over': {
    en: 'the waiting time is over: the address pair may be used again',
    zh: '等待时间结束：这一对地址可以重新使用',
  },
  'rst-received': { en: 'a RST arrived: the connection is gone', zh: '收到 RST：连接被重置' },
  refused: { en: 'a RST answered our SYN: connection refused', zh: '我方的 SYN 得到 RST 应答：连接被拒绝' },
  'syn-timeout': {
    en: 'no answer to any copy of the SYN: connection timed out',
    zh: '所有重传的 SYN 都没有应答：连接超时',
  },
  'synack-timeout': {
    en: 'no answer to any copy of the SYN+ACK: the half-open connection is dropped',
    zh: '所有重传的 SYN+ACK 都没有应答：放弃半开连接',
  },
  'data-timeout': {
    en: 'data stayed unacknowledged through all retransmissions: connection timed out',
    zh: '数据多次重传仍未得到确认：连接超时',
  },
  'keepalive-timeout': {
    en: 'no answer to the keepalive probes: connection timed out',
    zh: '保活探测没有应答：连接超时',
  },
  'orphan-timeout': {
    en: 'the closed connection waited too long for the peer: it is dropped',
    zh: '已关闭的连接等待对方过久：丢弃',
  },
  aborted: {
    en: 'the application gave the connection up: a RST goes out',
    zh: '应用程序放弃了连接：发出 RST',
  },
  'icmp-error': { en: 'an ICMP error arrived for this connection', zh: '收到与此连接有关的 ICMP 错误' },
  'time-wait-reused': {
    en: 'a new connection takes the address pair over from one in TIME-WAIT',
    zh: '新连接接管了处于 TIME-WAIT 的地址对',
  },
  'listener-closed': { en: 'the listener was closed', zh: '监听套接字已关闭' },

  'bad-checksum': { en: 'the checksum is wrong: ignored', zh: '校验和错误：忽略' },
  malformed: { en: 'no valid TCP segment: ignored', zh: '不是有效的 TCP 报文段：忽略' },
  'no-socket': { en: 'nobody has this port here: answered with RST', zh: '此端口没有套接字：以 RST 应答' },
  'rst-to-nobody': { en: 'a RST for no connection: never answered', zh: '没有对应连接的 RST：从不应答' },
  'not-syn': { en: 'a listener only answers a SYN: ignored', zh: '监听端只应答 SYN：忽略' },
  'ack-to-listener': {
    en: 'an ACK to a listener belongs to nothing: answered with RST',
    zh: '发给监听端的 ACK 没有对应的连接：以 RST 应答',
  },
  'unacceptable-ack': {
    en: 'it acknowledges what was never sent: answered with RST',
    zh: '确认了从未发送的内容：以 RST 应答',
  },
  'out-of-window': {
    en: 'outside the receive window: not taken, answered with ACK',
    zh: '在接收窗口之外：不接受，以 ACK 应答',
  },
  paws: {
    en: 'its timestamp is older than one already seen: an old duplicate (PAWS)',
    zh: '时间戳早于已收到的：是旧的重复报文段（PAWS）',
  },
  'wrong-echo': {
    en: 'it echoes a timestamp that no SYN+ACK carried: not taken, answered with ACK',
    zh: '回显的时间戳不是任何一个 SYN+ACK 携带过的：不接受，以 ACK 应答',
  },
  'old-ack': { en: 'the acknowledgment is too old: not taken', zh: '确认号过旧：不接受' },
  'future-ack': {
    en: 'it acknowledges what was not sent yet: not taken',
    zh: '确认了尚未发送的内容：不接受',
  },
  'no-ack': {
    en: 'without ACK, which every segment of a connection has: ignored',
    zh: '没有 ACK 标志，而连接中的每个报文段都应有：忽略',
  },
  'syn-in-connection': {
    en: 'a SYN inside a connection: answered with a challenge ACK',
    zh: '连接中出现 SYN：以挑战 ACK 应答',
  },
  'rst-not-exact': {
    en: 'a RST in the window but not at its very edge: answered with a challenge ACK',
    zh: 'RST 在窗口内但不在其左边缘：以挑战 ACK 应答',
  },
  'rst-out-of-window': { en: 'a RST outside the window: ignored', zh: 'RST 在窗口之外：忽略' },
  'accept-queue-full': {
    en: 'the accept queue is full: the ACK that would complete the handshake is ignored',
    zh: 'accept 队列已满：忽略完成握手的 ACK',
  },
  'syn-queue-full': {
    en: 'the listener can take no more: the SYN is ignored',
    zh: '监听端无法接受更多连接：忽略 SYN',
  },
  'deferred-ack': {
    en: 'TCP_DEFER_ACCEPT waits for data: the bare ACK is ignored',
    zh: 'TCP_DEFER_ACCEPT 等待数据：忽略不带数据的 ACK',
  },
  'no-window': { en: 'there is no room for the data: not taken', zh: '没有接收空间：不接受数据' },
  'after-close': {
    en: 'data for a connection that nobody can read from any more: answered with RST',
    zh: '数据到达时已无人读取此连接：以 RST 应答',
  },
  multicast: { en: 'an address that no connection can have: ignored', zh: '不可能用于连接的地址：忽略' },

  'syn-retransmit': { en: 'no answer: the SYN is sent again', zh: '没有应答：重传 SYN' },
  'synack-retransmit': { en: 'no answer: the SYN+ACK is sent again', zh: '没有应答：重传 SYN+ACK' },
  'rto-retransmit': {
    en: 'no acknowledgment in time: the oldest segment is sent again',
    zh: '未及时得到确认：重传最早的报文段',
  },
  'delayed-ack': {
    en: 'nothing to send along with it: the delayed ACK goes out',
    zh: '没有可捎带的数据：发出延迟的 ACK',
  },
  'zero-window-probe': { en: "the peer's window is closed: a probe goes out", zh: '对方窗口为零：发出探测' },
  'keepalive-probe': {
    en: 'silence for long: a keepalive probe goes out',
    zh: '长时间没有通信：发出保活探测',
  },

  'challenge-ack': {
    en: 'a challenge ACK: a peer that really lost its state will answer with an exact RST',
    zh: '挑战 ACK：真正丢失状态的对方会以准确的 RST 应答',
  },
  'duplicate-data': { en: 'a duplicate: reported with D-SACK', zh: '重复的报文段：以 D-SACK 报告' },
  'syn-cookie-sent': {
    en: 'a SYN cookie is sent: nothing is remembered of the SYN',
    zh: '发送 SYN cookie：对这个 SYN 什么也不保存',
  },
  'fast-open-cookie-sent': { en: 'a Fast Open cookie is handed out', zh: '发放 Fast Open cookie' },
  'fast-open-rejected': {
    en: 'the Fast Open cookie is not valid: an ordinary handshake follows',
    zh: 'Fast Open cookie 无效：转为普通握手',
  },
  'fast-open-data-again': {
    en: 'the SYN+ACK does not acknowledge the data sent with the SYN: it is sent again at once',
    zh: 'SYN+ACK 未确认随 SYN 发送的数据：立即重传',
  },
  negotiated: { en: 'the handshake is complete: these options are in force', zh: '握手完成：以下选项生效' },
  'mtu-reduced': {
    en: 'the path takes smaller packets only: the MSS shrinks',
    zh: '路径只能通过更小的报文：减小 MSS',
  },
};

/** The sentence for a code. */
export const sentence = (reason: Reason, language: Language): string => words[reason][language];
