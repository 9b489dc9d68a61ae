/** Options piece by piece, as they lie in the header: kind, length and values, each with its meaning and reason. */
import { OptionKind, type TcpOption } from '../../../../src/wire/options.ts';
import type { Text } from '../world/scenario.ts';
import type { About } from './about.ts';
import { both, type FieldText, text, u } from './field-texts.ts';

export interface Piece extends FieldText {
  readonly name: string;
  readonly value: string;
  /** Bits. */
  readonly length: number;
}

const names: Readonly<Record<TcpOption['kind'], string>> = {
  end: 'End',
  nop: 'NOP',
  mss: 'MSS',
  windowScale: 'WScale',
  sackPermitted: 'SACK OK',
  sack: 'SACK',
  timestamps: 'TS',
  md5: 'MD5',
  fastOpen: 'TFO',
  unknown: '?',
  rest: 'Padding',
};

/** The number of a kind as it stands in the header; padding is zeros, as End is. */
function kindOf(option: TcpOption): number {
  if (option.kind === 'unknown') return option.type;
  if (option.kind === 'rest') return OptionKind.end;
  if (option.kind === 'fastOpen' && option.experimental) return OptionKind.experiment;
  return OptionKind[option.kind];
}

const hex = (data: Uint8Array): string =>
  Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** An option's pieces, in the order of its bytes. */
export function optionPieces(option: TcpOption, about: About): Piece[] {
  const texts = optionTexts(option, about);
  if (option.kind === 'end' || option.kind === 'nop')
    return [{ name: names[option.kind], value: `${kindOf(option)}`, length: 8, ...texts }];
  if (option.kind === 'rest')
    return [{ name: names.rest, value: hex(option.data), length: 8 * option.data.length, ...texts }];
  const values = valuesOf(option, texts, about);
  const bytes = 2 + values.reduce((sum, { length }) => sum + length, 0) / 8;
  const lengthTexts = both(
    text('How many bytes the option takes, kind and length included.', '选项占用的字节数，包括种类与长度。'),
    bytes === 2
      ? text('2: it has no value; that it is there says everything.', '2：它没有值，出现本身就说明一切。')
      : text(
          `${bytes}: the kind, the length, and ${bytes - 2} of value.`,
          `${bytes}：种类、长度，以及 ${bytes - 2} 字节的值。`,
        ),
  );
  return [
    { name: 'Kind', value: `${kindOf(option)} ${names[option.kind]}`, length: 8, ...texts },
    { name: 'Length', value: `${bytes}`, length: 8, ...lengthTexts },
    ...values,
  ];
}

function valuesOf(option: TcpOption, texts: FieldText, about: About): Piece[] {
  const piece = (name: string, value: string, bytes: number, more: FieldText = texts): Piece => ({
    name,
    value,
    length: 8 * bytes,
    ...more,
  });
  switch (option.kind) {
    case 'mss':
      return [piece('MSS', `${option.value}`, 2)];
    case 'windowScale':
      return [piece('Shift', `${option.shift} (×${2 ** Math.min(14, option.shift)})`, 1)];
    case 'sack':
      return option.blocks.flatMap(({ left, right }) => [
        piece('Left edge', `${u(left)}`, 4),
        piece('Right edge', `${u(right)}`, 4),
      ]);
    case 'timestamps':
      return [
        piece('TSval', `${u(option.value)}`, 4, stampTexts),
        piece('TSecr', `${u(option.echo)}`, 4, echoTexts(u(option.echo), about)),
      ];
    case 'md5':
      return [piece('Digest', hex(option.digest), 16)];
    case 'fastOpen': {
      const cookie = piece('Cookie', hex(option.cookie), option.cookie.length);
      const parts = option.cookie.length === 0 ? [] : [cookie];
      return option.experimental ? [piece('ExID', '0xf989', 2), ...parts] : parts;
    }
    case 'unknown':
      return option.data.length === 0 ? [] : [piece('Data', hex(option.data), option.data.length)];
    default:
      return [];
  }
}

const stampTexts: FieldText = both(
  text('The clock of the sender, in ms from an arbitrary start.', '发送方的时钟，单位毫秒，起点任意。'),
  text(
    'The peer sends it back, so that the sender learns the round trip; and a segment whose clock lies behind the last one is recognised as an old duplicate (PAWS; RFC 7323, 4 and 5).',
    '对方会原样送回，发送方由此得知往返时间；时钟落后于最近所见的报文段会被识别为旧的重复（PAWS；RFC 7323 第 4、5 节）。',
  ),
);

const echoTexts = (echo: number, { other }: About): FieldText =>
  both(
    text('The last TSval that came from the peer, sent back.', '送回最近收到的对方的 TSval。'),
    echo === 0
      ? other.isn === null
        ? text('0: nothing was received from the peer yet.', '0：尚未收到对方的任何报文。')
        : text('0: the peer has sent no timestamp to echo.', '0：对方没有发来可送回的时间戳。')
      : text(
          'With it the peer measures the round trip, even if the segment it answers was sent more than once.',
          '对方用它测量往返时间，即使被应答的报文段重传过。',
        ),
  );

const onlySyn: Text = text(
  'Only in a SYN: what it offers is in force for the whole connection if both sides offer it.',
  '只出现在 SYN 中：双方都提供时，在整个连接期间生效。',
);

/** Options that mean the same whatever their value is. */
const fixedTexts: Readonly<Record<Exclude<TcpOption['kind'], 'mss' | 'windowScale' | 'sack'>, FieldText>> = {
  sackPermitted: both(
    text('This side understands selective acknowledgments (RFC 2018).', '本方支持选择确认（RFC 2018）。'),
    onlySyn,
  ),
  timestamps: both(
    text(
      'Timestamps: the clock of the sender, and the last one it got.',
      '时间戳：发送方的时钟，以及它最近收到的对方时钟。',
    ),
    text(
      'In every segment once both SYNs had it (RFC 7323, 3.2).',
      '双方的 SYN 都带它之后，每个报文段都有（RFC 7323 3.2）。',
    ),
  ),
  nop: both(
    text('No operation.', '空操作。'),
    text('A byte that aligns the next option.', '用一个字节对齐下一个选项。'),
  ),
  end: both(
    text('The list of options ends.', '选项列表结束。'),
    text('The rest is padding to a multiple of 32 bits.', '其余为填充，补足 32 位的整数倍。'),
  ),
  fastOpen: both(
    text(
      'TCP Fast Open: a cookie, or the wish for one (RFC 7413).',
      'TCP Fast Open：cookie 或对它的请求（RFC 7413）。',
    ),
    text(
      'A client that shows a cookie of the server may send data with its SYN.',
      '出示服务器所发 cookie 的客户端可以随 SYN 发送数据。',
    ),
  ),
  md5: both(
    text('A signature over the segment (RFC 2385).', '对报文段的签名（RFC 2385）。'),
    text('The socket has TCP_MD5SIG set.', '套接字设置了 TCP_MD5SIG。'),
  ),
  rest: both(
    text('Bytes behind the end of the list.', '列表结束之后的字节。'),
    text('Padding to a multiple of 32 bits.', '填充，补足 32 位的整数倍。'),
  ),
  unknown: both(
    text('Not an option this page knows.', '此页面不认识的选项。'),
    text(
      'A receiver passes over what it does not know (RFC 9293, 3.1).',
      '接收方跳过不认识的选项（RFC 9293 3.1）。',
    ),
  ),
};

/** What an option means, and why it is there. */
function optionTexts(option: TcpOption, about: About): FieldText {
  if (option.kind === 'sack')
    return sackTexts(option.blocks[0]?.left ?? about.segment.ack, about.segment.ack);
  if (option.kind === 'mss')
    return both(
      text(
        'Maximum segment size: the most data per segment that this side wants to get.',
        '最大报文段长度：本方希望每个报文段最多携带的数据。',
      ),
      text(
        `${option.value} bytes: the interface's MTU less 40 bytes of IPv4 and TCP header (60 for IPv6), or less if the route (advmss) or TCP_MAXSEG says so. Each side announces its own; it is not negotiated (RFC 9293, 3.7.1).`,
        `${option.value} 字节：接口 MTU 减去 40 字节的 IPv4 与 TCP 首部（IPv6 为 60）；路由的 advmss 或 TCP_MAXSEG 可使它更小。双方各自声明，不做协商（RFC 9293 3.7.1）。`,
      ),
    );
  if (option.kind === 'windowScale')
    return both(
      text(
        `Windows of this side are to be multiplied by 2^${option.shift}.`,
        `本方的窗口值要乘以 2^${option.shift}。`,
      ),
      text(
        `The window field has 16 bits; a shift of ${option.shift} lets it express the largest receive buffer (net.ipv4.tcp_rmem). In force only if both SYNs have it, and never for a SYN's own window (RFC 7323, 2.2).`,
        `窗口字段只有 16 位；移位 ${option.shift} 可表示最大的接收缓冲区（net.ipv4.tcp_rmem）。只有双方的 SYN 都带它时才生效，且 SYN 自己的窗口从不缩放（RFC 7323 2.2）。`,
      ),
    );
  return fixedTexts[option.kind];
}

/** Blocks beyond the acknowledgment, or, if the first lies before it, a report of something that came twice. */
const sackTexts = (left: number, ack: number): FieldText =>
  ((left - ack) | 0) < 0
    ? both(
        text('A D-SACK: a range that has arrived twice (RFC 2883).', 'D-SACK：重复到达的区间（RFC 2883）。'),
        text(
          'The range lies before the acknowledgment number, so it cannot be a gap: it reports a duplicate.',
          '区间在确认号之前，不可能是缺口之后的数据：它报告的是重复。',
        ),
      )
    : both(
        text('Ranges that have arrived beyond the acknowledgment number.', '确认号之后已到达的区间。'),
        text('So that the sender repeats only what is missing.', '使发送方只重传缺失的部分。'),
      );
