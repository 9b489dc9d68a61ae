/** What each header field means and why it has its value, in both languages. */
import { Flag } from '../../../../src/wire/tcp.ts';
import type { Text } from '../world/scenario.ts';
import type { About, IsnSource } from './about.ts';

export interface FieldText {
  readonly meaning: Text;
  readonly why: Text;
}

export const text = (en: string, zh: string): Text => ({ en, zh });
export const u = (n: number): number => n >>> 0;
export const both = (meaning: Text, why: Text): FieldText => ({ meaning, why });
const isSyn = ({ segment }: About): boolean => (segment.flags & Flag.syn) !== 0;
const isAck = ({ segment }: About): boolean => (segment.flags & Flag.ack) !== 0;
const isRst = ({ segment }: About): boolean => (segment.flags & Flag.rst) !== 0;

export const damagedWhy = (value: string): Text =>
  text(
    `Damaged on the way: it was sent as ${value}. The checksum shows it.`,
    `在途中损坏：发出时是 ${value}。校验和会发现这一点。`,
  );

const isnWhy: Readonly<Record<IsnSource, Text>> = {
  siphash: text(
    'The initial sequence number (ISN). Linux hashes the four-tuple with a secret (SipHash) and adds a clock that ticks every 64 ns, so that no stranger can guess it and old duplicates do not fit (RFC 6528).',
    '初始序列号（ISN）。Linux 用密钥对四元组做散列（SipHash），再加上每 64 纳秒走一步的时钟，使外人无法猜到，旧的重复报文段也不会落入窗口（RFC 6528）。',
  ),
  md5: text(
    'The initial sequence number (ISN). Older Linux hashed the four-tuple with a secret (MD5) and added a clock that ticks every 64 ns (RFC 6528).',
    '初始序列号（ISN）。旧版 Linux 用密钥对四元组做散列（MD5），再加上每 64 纳秒走一步的时钟（RFC 6528）。',
  ),
  constant: text(
    'The initial sequence number (ISN), held at this value here. A real Linux hashes the four-tuple with a secret and adds a clock (RFC 6528).',
    '初始序列号（ISN），这里固定为此值。真实的 Linux 用密钥对四元组做散列，再加上时钟（RFC 6528）。',
  ),
  forged: text('Whatever the attacker chose: any number will do.', '攻击者任选的号码：任何值都可以。'),
  script: text(
    'The initial sequence number (ISN), as the script or the generator of the system under test gave it.',
    '初始序列号（ISN），由脚本或被测系统的生成器给出。',
  ),
  capture: text(
    'The initial sequence number (ISN) that the sender chose: from a capture its rule cannot be seen. Linux hashes the four-tuple with a secret and adds a clock (RFC 6528).',
    '发送方选的初始序列号（ISN）：从抓包看不出它的规则。Linux 用密钥对四元组做散列，再加上时钟（RFC 6528）。',
  ),
};

function seqWhy(about: About): Text {
  const { segment, own, again, crossed } = about;
  if (crossed)
    return text(
      "The SYN's number again: this is the same SYN, now with the acknowledgment of the peer's SYN that crossed it.",
      '与先前的 SYN 相同：这是同一个 SYN，只是加上了对与之交错的对方 SYN 的确认。',
    );
  if (again)
    return text(
      'The same number as before: this segment is sent again, because nothing acknowledged it in time.',
      '与之前相同：此报文段未及时得到确认，因此重传。',
    );
  if (isRst(about) && !isAck(about))
    return text(
      'A RST takes the number that the segment it answers asked for in its acknowledgment (RFC 9293, 3.10.7.1).',
      'RST 取被应答报文段的确认号作为序列号（RFC 9293 3.10.7.1）。',
    );
  if (isSyn(about)) return isnWhy[about.isn];
  if (isRst(about) && own.isn === null)
    return text(
      '0: this side has no numbers, for there is no connection here; and the segment answered has no acknowledgment to take one from (RFC 9293, 3.10.7.1).',
      '0：这里没有连接，本方没有自己的序列号；被应答的报文段也没有确认号可取（RFC 9293 3.10.7.1）。',
    );
  if (own.isn === null)
    return text(
      'The next number of this direction. Its SYN was not seen here.',
      '此方向的下一个序列号；这里没有见到它的 SYN。',
    );
  const distance = u(segment.seq - own.isn);
  if (distance === 1)
    return text(
      `ISN + 1 (${u(own.isn)} + 1): the SYN took one number although it carries no data, so that it can be acknowledged.`,
      `ISN + 1（${u(own.isn)} + 1）：SYN 不带数据也占用一个序列号，这样它才能被确认。`,
    );
  return text(
    `ISN + ${distance}: the SYN took one number, and ${distance - 1} ${distance === 2 ? 'was' : 'were'} taken since (one per byte of data, one for a FIN).`,
    `ISN + ${distance}：SYN 占用一个，之后又占用了 ${distance - 1} 个（每字节数据一个，FIN 一个）。`,
  );
}

function ackWhy(about: About): Text {
  const { segment, own, other } = about;
  if (!isAck(about))
    return isRst(about)
      ? text(
          'Meaningless, because the ACK flag is not set: this RST is believed for its sequence number.',
          '没有意义，因为 ACK 标志未置位：接收方凭序列号相信这个 RST。',
        )
      : text(
          'Meaningless, because the ACK flag is not set: the first SYN has nothing to acknowledge.',
          '没有意义，因为 ACK 标志未置位：第一个 SYN 没有可确认的内容。',
        );
  if (other.isn === null)
    return text('The next number expected from the peer.', '期望对方发送的下一个序列号。');
  const distance = u(segment.ack - other.isn);
  if (about.isn === 'forged') return guessWhy(u(other.isn), distance);
  if (isRst(about) && own.isn === null)
    return text(
      `The number after the SYN's (${u(other.isn)} + 1): by it the sender of the SYN knows that the RST answers it, and believes it (RFC 9293, 3.10.7.3).`,
      `SYN 的序列号之后的一个（${u(other.isn)} + 1）：SYN 的发送方由此知道这个 RST 是对它的应答，因而相信它（RFC 9293 3.10.7.3）。`,
    );
  if (distance === 1)
    return text(
      `The peer's ISN + 1 (${u(other.isn)} + 1): its SYN has arrived, and the next number is expected.`,
      `对方 ISN + 1（${u(other.isn)} + 1）：对方的 SYN 已到达，期望下一个序列号。`,
    );
  return text(
    `The peer's ISN + ${distance}: everything before it has arrived (its SYN, and ${distance - 1} more).`,
    `对方 ISN + ${distance}：在此之前的都已到达（SYN 以及另外 ${distance - 1} 个）。`,
  );
}

/** An attacker acknowledges a SYN+ACK that it did not see. */
const guessWhy = (isn: number, distance: number): Text =>
  distance >= 1 && distance < 2 ** 16
    ? text(
        `The server's ISN + ${distance} (${isn} + ${distance}): the attacker never saw this SYN+ACK, but a connection of its own showed it which ISN the server uses.`,
        `服务器的 ISN + ${distance}（${isn} + ${distance}）：攻击者没有见到这个 SYN+ACK，但它自己的连接透露了服务器所用的 ISN。`,
      )
    : text(
        `A guess from the ISN of the attacker's own connection, and a wrong one: here the server's ISN is ${isn}.`,
        `根据攻击者自己那次连接的 ISN 猜测，但猜错了：这里服务器的 ISN 是 ${isn}。`,
      );

function windowWhy(about: About): Text {
  const { segment, own, other } = about;
  if (isRst(about)) return text('A RST needs no window.', 'RST 不需要窗口。');
  if (isSyn(about))
    return text(
      `${segment.window} bytes. In a SYN the window is never scaled (RFC 7323, 2.2): the peer does not know the scale yet. It comes from net.ipv4.tcp_rmem and the route's initrwnd.`,
      `${segment.window} 字节。SYN 中的窗口从不缩放（RFC 7323 2.2）：对方还不知道缩放因子。它由 net.ipv4.tcp_rmem 和路由的 initrwnd 决定。`,
    );
  if (own.shift === null || other.shift === null)
    return text(
      `${segment.window} bytes, not scaled: scaling is in force only if both SYNs offered it.`,
      `${segment.window} 字节，未缩放：只有双方的 SYN 都提供窗口缩放时它才生效。`,
    );
  const factor = 2 ** own.shift;
  return text(
    `${segment.window} × ${factor} = ${segment.window * factor} bytes: both SYNs offered window scaling, and this side's shift is ${own.shift}. From the third packet on it is in force.`,
    `${segment.window} × ${factor} = ${segment.window * factor} 字节：双方的 SYN 都提供了窗口缩放，本方的移位为 ${own.shift}，从第三个报文起生效。`,
  );
}

export const texts = {
  sourcePort: (about: About): FieldText =>
    both(
      text('The port of the program that sends.', '发送方程序的端口。'),
      isSyn(about) && !isAck(about)
        ? text(
            'Asked for with bind(), or chosen by connect() from net.ipv4.ip_local_port_range.',
            '由 bind() 指定，或由 connect() 从 net.ipv4.ip_local_port_range 中选取。',
          )
        : text('Every segment of a connection in this direction has it.', '此方向上连接的每个报文段都用它。'),
    ),
  destinationPort: (about: About): FieldText =>
    both(
      text('The port of the program that is meant.', '目标程序的端口。'),
      about.segment.sourcePort === about.segment.destinationPort
        ? text(
            'The same as the source port: with equal addresses, the socket is talking to itself.',
            '与源端口相同：如果地址也相同，套接字就在与自己通信。',
          )
        : text(
            'With both addresses and the source port it names the connection: the four-tuple.',
            '它与两个地址和源端口一起标识连接，即四元组。',
          ),
    ),
  seq: (about: About): FieldText =>
    both(
      text(
        "The number of this segment's first byte, modulo 2^32. SYN and FIN count as one byte each.",
        '此报文段第一个字节的编号（模 2^32）。SYN 和 FIN 各算一个字节。',
      ),
      seqWhy(about),
    ),
  ack: (about: About): FieldText =>
    both(
      text(
        'The next sequence number expected: all before it have arrived.',
        '期望的下一个序列号：在它之前的都已到达。',
      ),
      ackWhy(about),
    ),
  offset: (about: About): FieldText => {
    const length = about.segment.headerLength ?? 20;
    return both(
      text(
        'Data offset: the length of the header in 32-bit words.',
        '数据偏移：以 32 位字为单位的首部长度。',
      ),
      text(
        `${length / 4} × 4 = ${length} bytes: 20 fixed ones and ${length - 20} of options with padding.`,
        `${length / 4} × 4 = ${length} 字节：固定部分 20 字节，选项与填充 ${length - 20} 字节。`,
      ),
    );
  },
  reserved: (_: About): FieldText =>
    both(
      text('For future use.', '保留给将来使用。'),
      text(
        'Senders set it to 0, receivers ignore it (RFC 9293, 3.1).',
        '发送方置 0，接收方忽略（RFC 9293 3.1）。',
      ),
    ),
  window: (about: About): FieldText =>
    both(
      text(
        'How many bytes the sender of this segment can take at the moment.',
        '此报文段的发送方目前还能接收多少字节。',
      ),
      windowWhy(about),
    ),
  checksum: (_: About): FieldText =>
    both(
      text(
        'Protects header, data, and the addresses (as a pseudo-header) against damage.',
        '保护首部、数据以及（作为伪首部的）地址不受损坏。',
      ),
      text(
        "The ones' complement of the ones' complement sum of all 16-bit words: a receiver that adds everything up gets 0xffff.",
        '所有 16 位字反码和的反码：接收方把全部相加得到 0xffff。',
      ),
    ),
  urgent: (_: About): FieldText =>
    both(
      text('Where urgent data ends, if URG is set.', 'URG 置位时，紧急数据的结尾位置。'),
      text(
        '0: nothing is urgent. New programs should not use it (RFC 6093).',
        '0：没有紧急数据。新程序不应使用（RFC 6093）。',
      ),
    ),
};

const flagMeaning: Record<string, Text> = {
  AE: text('Accurate ECN (RFC 9768); once the nonce sum NS.', 'Accurate ECN（RFC 9768），从前是 NS。'),
  CWR: text(
    'Congestion window reduced: an answer to ECE (RFC 3168).',
    '拥塞窗口已减小：对 ECE 的应答（RFC 3168）。',
  ),
  ECE: text(
    'ECN echo: the network marked a packet as congested (RFC 3168).',
    'ECN 回显：网络标记了拥塞（RFC 3168）。',
  ),
  URG: text('The urgent pointer counts.', '紧急指针有效。'),
  ACK: text('The acknowledgment number counts.', '确认号有效。'),
  PSH: text(
    'Push: hand the data to the program without waiting for more.',
    '推送：不必等待更多数据，立即交给程序。',
  ),
  RST: text('Reset: there is no such connection (any more).', '重置：没有（或不再有）这个连接。'),
  SYN: text(
    'Synchronize: the sequence number is the first one. Takes one sequence number.',
    '同步：序列号是初始值。占用一个序列号。',
  ),
  FIN: text(
    'Final: no more data comes from this side. Takes one sequence number.',
    '结束：本方不再发送数据。占用一个序列号。',
  ),
};

const flagSet: Record<string, Text> = {
  AE: text('Set in the negotiation of Accurate ECN.', '在协商 Accurate ECN 时置位。'),
  CWR: text('In a SYN together with ECE: this side can do ECN.', '在 SYN 中与 ECE 同时置位：本方支持 ECN。'),
  ECE: text(
    'In a SYN: ECN is offered. Later: a mark is reported.',
    '在 SYN 中表示提供 ECN，之后表示报告标记。',
  ),
  URG: text('The program sent out-of-band data.', '程序发送了带外数据。'),
  ACK: text(
    'Every segment but the first SYN (and some RSTs) has it.',
    '除第一个 SYN（和某些 RST）外，所有报文段都置位。',
  ),
  PSH: text('The last segment of what one write gave.', '一次写入的最后一个报文段。'),
  RST: text(
    'Nobody expects the segment this answers, or the program gave the connection up.',
    '没有人期待它所应答的报文段，或程序放弃了连接。',
  ),
  SYN: text(
    'The handshake: each side tells its initial sequence number.',
    '握手：每一方告知自己的初始序列号。',
  ),
  FIN: text('The program called close() or shutdown().', '程序调用了 close() 或 shutdown()。'),
};

export function flagTexts(name: string, set: boolean, _about: About): FieldText {
  const unset = text('Not set here.', '此处未置位。');
  return both(flagMeaning[name]!, set ? flagSet[name]! : unset);
}
