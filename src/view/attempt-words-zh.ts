/** What is said about attempts, in Chinese. Names of options, flags and codes stay as they are. */
import type { Attempt } from '../explain/judge/attempt.ts';
import { type Delay, delay } from '../explain/judge/connecting.ts';
import { optionsText, synGaps } from '../explain/judge/details.ts';
import { disowned, refusesUnseen } from '../explain/judge/handshake.ts';
import type { Note, Verdict } from '../explain/judge/verdicts.ts';
import { alertName } from '../explain/output/afterwards.ts';
import { signature } from '../explain/output/hints.ts';
import { icmpText } from '../explain/output/icmp-text.ts';
import { waitText } from '../explain/output/numbers.ts';
import { durationText, endpoint, ignored, queueStory } from '../explain/output/sentences.ts';
import { hasClosed } from '../explain/track/records.ts';
import type { AttemptWords } from './attempt-texts.ts';

const notes: Readonly<Record<Note, string>> = {
  completed: '握手完成',
  refused: '被 RST 拒绝',
  unanswered: 'SYN 没有应答',
  unconfirmed: '有应答，但客户端从未确认',
  'reset-by-client': '客户端以 RST 应答 SYN+ACK，或以 RST 放弃',
  'reset-by-server': '服务器应答后又重置',
  'rejected-by-icmp': '被 ICMP 错误拒绝',
  'simultaneous-open': '双方同时打开',
  'split-handshake': '服务器以自己的 SYN 应答 SYN',
  'self-connect': '套接字与自己相连',
  'fast-open-accepted': 'Fast Open：SYN 携带的数据被接受',
  'fast-open-rejected': 'Fast Open：SYN 携带的数据未被接受',
  'fast-open-fallback': 'Fast Open：带数据的 SYN 没有应答，不带数据的有应答',
  'syn-cookie': '以 SYN cookie 应答',
  'accept-queue-full': '服务器的 全连接队列已满',
  'port-reused': '四元组仍在使用时建立新连接',
  'challenge-ack': '以旧连接的 ACK 应答',
  'one-sided': '抓包中只有一个方向',
  'mid-stream': '在抓包之前开始',
  scan: '扫描的一部分',
  flood: 'SYN 洪泛的一部分',
  'syn-missing': '抓包中没有 SYN',
  'synack-missing': '抓包中没有 SYN+ACK',
  'syn-retransmitted': 'SYN 发送了不止一次',
  'synack-retransmitted': 'SYN+ACK 发送了不止一次',
  'captured-twice': '有报文被重复抓取',
  'rtt-ambiguous': '无法判断应答的是哪一份 SYN',
  'options-dropped': '重传的 SYN 提供的选项比第一个少',
  'options-changed': '选项在两个抓包点之间被改写',
  'options-unasked': 'SYN+ACK 带有 SYN 未提供的选项',
  'options-malformed': '选项不允许出现在 SYN 中，或格式错误',
  'ecn-fallback': '重传的 SYN 不再带 ECN',
  'data-on-syn': 'SYN 携带数据',
  'fast-open-requested': 'SYN 请求 Fast Open cookie',
  'fast-open-granted': '服务器发放了 Fast Open cookie',
  'isn-predictable': '服务器的初始序列号可以预测',
  'isn-rewritten': '同一个 SYN 抓到两次而初始序列号不同：途中有设备改写',
  'isn-conflict': '两个 SYN+ACK 的序列号不同',
  'wrong-ack': 'SYN+ACK 确认的是别的号码',
  'syn-proxy': '途中的设备代为应答 SYN，得到确认后才转发（SYN 代理）',
  'stray-reset': '接收方必须忽略的 RST',
  'odd-flags': '标志的组合不合理',
  'icmp-error': '有 ICMP 错误引用了这次尝试',
  'syn-unanswered-first': '只有后来的 SYN 得到应答',
  'others-served': '同一时段有别的客户端连接成功',
  'reset-at-once': '握手之后立即被重置',
  'tuple-shared': '同一四元组上同时有多个初始序列号',
  'two-encapsulations': '两个方向的封装不同',
  'another-encapsulation': '抓包中另有封装不同的同一次尝试',
  reordered: '抓包的顺序有错乱',
  'capture-ends': '抓包结束得太早，应答还来不及到达',
  'packets-left-out': '报文多于保留的证据',
  'final-ack-ignored': '握手的 ACK 已发出，服务器却像没有收到',
  'answer-unmatched': '客户端不认得 SYN+ACK，但仍在重试',
  'answered-elsewhere': '应答来自另一个地址',
  'slow-connect': 'connect() 的用时远大于往返时间，或在一秒以上',
  'ack-missing': '抓包中没有客户端的第一个 ACK',
  'defer-accept': '服务器等到数据才接受连接（TCP_DEFER_ACCEPT）',
  'other-leg': '同一个 SYN 在抓包中出现在途中的另一处（地址转换）',
  'path-mtu': '超过某一长度的报文段无法到达，较小的可以：路径 MTU',
  'data-unacknowledged': '数据反复发送，一直没有得到确认',
  'request-unacknowledged': '客户端最初的数据一直没有得到确认',
  'closed-unserved': '握手之后服务器立即关闭，没有发送一个字节',
  'server-silent': '服务器确认了请求，却没有发送任何数据',
  'tls-stopped': 'TLS 握手没有继续',
  'not-all-readable': '抓包中有无法读取、可能属于此处的报文',
  traceroute: 'TCP traceroute 的探测',
  'routing-loop': '路由器之间来回转发（路由环路）',
  signed: '一方签名（TCP MD5 或 TCP-AO），另一方没有签名或没有应答',
  'wrong-checksum': '没有被接受的报文的 TCP 校验和错误',
  'wrong-outer-checksum': '没有被接受的报文外层隧道的 UDP 校验和错误',
};

/** By explain's English. */
const icmp: Readonly<Record<string, string>> = {
  'network unreachable': '网络不可达',
  'host unreachable': '主机不可达',
  'protocol unreachable': '协议不可达',
  'port unreachable': '端口不可达',
  'fragmentation needed': '需要分片',
  'source route failed': '源路由失败',
  'network unknown': '网络未知',
  'host unknown': '主机未知',
  'source host isolated': '源主机被隔离',
  'network administratively prohibited': '网络被管理策略禁止',
  'host administratively prohibited': '主机被管理策略禁止',
  'network unreachable for the type of service': '该服务类型下网络不可达',
  'host unreachable for the type of service': '该服务类型下主机不可达',
  'communication administratively prohibited': '通信被管理策略禁止',
  'host precedence violation': '违反主机优先级',
  'precedence cutoff': '优先级过低',
  'no route to destination': '没有到目的地的路由',
  'beyond scope of source address': '超出源地址的作用域',
  'address unreachable': '地址不可达',
  'source address failed policy': '源地址不符合策略',
  'route to destination rejected': '到目的地的路由被拒绝',
  'time exceeded in transit': '传输超时（TTL 用尽）',
  'fragment reassembly time exceeded': '分片重组超时',
  'parameter problem': '参数错误',
  'source quench': '源抑制',
  'packet too big': '报文过大',
  'hop limit exceeded in transit': '传输中跳数用尽',
  'no ICMP error': '无 ICMP 错误',
};

const client = (a: Attempt): string => endpoint(a.client, a.clientPort);
const server = (a: Attempt): string => endpoint(a.server, a.serverPort);

function took(a: Attempt): string {
  const { ns, atMost } = a.connecting;
  if (ns === null) return '';
  const why = delay(a.handshake, a.connecting);
  return `，用时${atMost ? '至多' : ''} ${waitText(ns)}${why === null ? '' : reason(a, why)}`;
}

function reason(a: Attempt, why: NonNullable<Delay>): string {
  const { serverNs, clientNs, ambiguous } = a.roundTrip;
  const trip =
    serverNs === null || clientNs === null || serverNs < 0 || clientNs < 0
      ? ''
      : `（往返时间 ${durationText(serverNs + clientNs)}${ambiguous ? '，从最后一个 SYN 算起' : ''}）`;
  if (why.kind === 'late-answer') return `：应答本身就用了这么久${trip}`;
  if (why.kind === 'answer-lost')
    return `：在客户端确认的 SYN+ACK 之前，服务器已发送 ${why.copies} 个，说明应答在抓包位置与客户端之间丢失${trip}`;
  return `：最初的 ${why.copies} 个 SYN 在此抓包中没有得到应答${trip}`;
}

function waited(a: Attempt): string {
  const { waitNs, atLeast } = a.connecting;
  return waitNs === null || waitNs <= 0 ? '' : `（${atLeast ? '至少' : ''}等待 ${waitText(waitNs)}）`;
}

/** What went wrong after the handshake. */
function afterwards(t: Attempt['trouble']): string {
  if (t === null) return '';
  const who = t.byServer ? '服务器' : '客户端';
  switch (t.note) {
    case 'path-mtu':
      return `；之后停滞：${who}发送的 ${t.size} 字节的报文段一直没有得到确认${
        t.arrived > 0 ? `，${t.arrived} 字节的得到确认` : ''
      }：路径容不下 ${t.packet} 字节的报文（路径 MTU）${t.mtu > 0 ? `；${t.mtuFrom} 以 ICMP 说明其下一段链路为 ${t.mtu} 字节` : ''}`;
    case 'request-unacknowledged':
      return `；之后停滞：客户端最初的数据（${t.size} 字节）反复发送，在此抓包中一直没有得到确认`;
    case 'data-unacknowledged':
      return `；之后停滞：${who}反复发送的 ${t.size} 字节在此抓包中一直没有得到确认`;
    case 'closed-unserved':
      return `；服务器${t.ns < 1e6 ? '立即' : `在 ${durationText(t.ns)} 后`}关闭了连接，没有发送一个字节`;
    case 'server-silent':
      return `；服务器确认了客户端发送的数据，但在 ${durationText(t.ns)} 内没有发送任何数据`;
    case 'tls-stopped':
      if (t.tls === 'alert')
        return `；服务器以 TLS 警报（${alertName(t.reason)}）应答 ClientHello：TLS 到此结束`;
      return t.tls === 'client-silent'
        ? `；TLS 到此为止：服务器应答了 ClientHello，客户端在 ${durationText(t.ns)} 内没有再发送数据`
        : `；TLS 到此为止：服务器确认了 ClientHello，但在 ${durationText(t.ns)} 内没有发送任何数据`;
  }
}

/** What single packets show beside the verdict. */
function hints(a: Attempt): string {
  return a.hints
    .map((hint) => {
      switch (hint.note) {
        case 'traceroute':
          return `；SYN 的 TTL 为 ${hint.ttl}，所以这是 TCP traceroute 的探测，只想知道谁来应答，并不是失败的连接`;
        case 'routing-loop':
          return `；SYN 在这里的 TTL 为 ${hint.ttl}，却被耗尽：不会有这么长的路径，说明路由器之间来回转发`;
        case 'signed':
          if (!hint.alone)
            return `；SYN 带有签名（${signature(hint.kind)}）：服务器没有这个客户端的密钥或密钥不同时，会不作声地丢弃它`;
          return hint.who === 'client'
            ? `；SYN 带有签名（${signature(hint.kind)}），SYN+ACK 没有，所以客户端不作声地丢弃它`
            : `；SYN+ACK 带有签名（${signature(hint.kind)}），SYN 没有，没有密钥的客户端不作声地丢弃它`;
        case 'wrong-checksum':
          return `；${hint.what} 的 TCP 校验和错误，而且不是由网卡代为计算时留下的样子：${hint.what === 'SYN+ACK' ? '客户端' : '服务器'}会不作声地丢弃它（除非有人改写过此抓包中的地址）`;
        case 'wrong-outer-checksum':
          return `；${hint.what} 外层隧道的 UDP 校验和错误：隧道的另一端会不作声地丢弃它`;
      }
      return '';
    })
    .join('');
}

function syns(a: Attempt): string {
  const { handshake: h, evidence } = a;
  if (h.syns.length < 2) return ' SYN';
  const gaps = synGaps(h.syns)
    .slice(0, 8)
    .map((gap) => `${gap < 10 ? Math.round(gap * 10) / 10 : Math.round(gap)}`);
  return ` ${evidence.synCount} 个 SYN（间隔 ${gaps.join('、')} 秒）`;
}

const systemName = (name: string): string => name.replace(' or ', ' 或 ');

const icmpOf = (p: Attempt['evidence']['packets'][number], ipv6: boolean): string => {
  const text = icmpText(p, ipv6);
  return icmp[text] ?? text.replace('ICMP type', 'ICMP 类型').replace(', code', '，代码');
};

const sentences: Readonly<Record<Verdict, (a: Attempt) => string>> = {
  completed: (a) => {
    const { syn, synAck } = a.handshake;
    const missing = syn === null ? '；抓包中没有 SYN' : synAck === null ? '；抓包中没有 SYN+ACK' : '';
    return `${client(a)} 连接到 ${server(a)}${took(a)}${missing}`;
  },
  refused: (a) =>
    a.handshake.synAck !== null
      ? `${client(a)} 先收到以 ${server(a)} 名义发来的 RST，后收到它的 SYN+ACK：途中有人（例如防火墙）拒绝了服务器本会接受的连接`
      : `${server(a)} 拒绝了 ${client(a)}${waited(a)}：以 RST 应答它的${syns(a)}，说明端口 ${a.serverPort} 无人监听，或被防火墙或冒用其名的另一台机器拒绝`,
  unanswered: (a) => {
    const limit = a.backOff?.timeout ?? null;
    const fails = limit === null ? '' : `；${systemName(a.system!)} 客户端默认 ${limit} 秒后放弃`;
    const strange = ignored(a);
    const but =
      strange === null ? '' : `，只有一个没有确认它、因而必须忽略的 ${strange === 'rst' ? 'RST' : 'SYN+ACK'}`;
    const others = a.evidence.othersServed
      ? '；同一时段有别的客户端连接成功，所以可能是 全连接队列已满，或者途中丢弃了这个客户端的 SYN'
      : '';
    return `${client(a)} 发给 ${server(a)} 的${syns(a)}，在此抓包中没有得到应答${waited(a)}${but}${others}${fails}`;
  },
  unconfirmed: (a) =>
    `${server(a)} 以 ${a.evidence.synAckCount} 个 SYN+ACK 应答 ${client(a)}，但抓包中没有客户端的 ACK`,
  'reset-by-client': (a) => {
    const { syn, synAck } = a.handshake;
    if (synAck === null && ignored(a) === 'synack')
      return `${client(a)} 以 RST 应答 ${server(a)} 的 SYN+ACK，因为它确认的不是自己的 SYN：那是该端口较早的一次尝试，或别人的应答`;
    if (synAck === null) return `${client(a)} 在发出 SYN 之后以 RST 放弃了到 ${server(a)} 的连接${waited(a)}`;
    if (syn === null)
      return `${client(a)} 以 RST 应答 ${server(a)} 的 SYN+ACK：抓包中没有它的 SYN，它也许从未发送过，或发往了另一个地址`;
    return `${client(a)} 收到 ${server(a)} 的 SYN+ACK 时以 RST 重置${waited(a)}，在此抓包中没有再试：它已经放弃，或者只想知道端口是否开放，或者因途中的地址转换没有还原而不认得这个应答；此抓包不能分辨`;
  },
  'reset-by-server': (a) =>
    `${server(a)} 以 SYN+ACK 应答 ${client(a)}，又在得到确认之前重置了连接${waited(a)}`,
  'rejected-by-icmp': (a) => {
    const { icmp: it } = a.handshake;
    return `${it?.icmp?.sender} 拒绝了 ${client(a)} 发往 ${server(a)} 的 SYN${waited(a)}：${it === null ? '' : icmpOf(it, a.evidence.ipv6)}`;
  },
  'simultaneous-open': (a) => `${client(a)} 与 ${server(a)} 同时向对方发送 SYN：同时打开，只有一个连接`,
  'split-handshake': (a) =>
    `${server(a)} 没有用 SYN+ACK，而是用自己的 SYN 应答了 ${client(a)} 的 SYN：拆分的握手`,
  'self-connect': (a) => `${client(a)} 的套接字连上了自己：它的 SYN 又回到它自己，那里并没有别的程序监听`,
  'fast-open-accepted': (a) =>
    `${server(a)} 接受了 ${client(a)} 随 SYN 发送的 ${a.handshake.tfoSyn?.length ?? 0} 字节数据（Fast Open）`,
  'fast-open-rejected': (a) =>
    `${server(a)} 只确认了 ${client(a)} 的 SYN，没有确认其中的数据：Fast Open 被拒绝，数据须重新发送`,
  'fast-open-fallback': (a) =>
    `${client(a)} 带 Fast Open 的 SYN 没有得到 ${server(a)} 的应答，改发普通 SYN 后得到应答`,
  'syn-cookie': (a) =>
    `${server(a)} 以 SYN cookie 应答 ${client(a)}：时间戳的低六位保存着选项，Linux 在 半连接队列满时就是这样`,
  'accept-queue-full': (a) => {
    const fate = queueStory(a).taken
      ? '后来服务器接受了连接'
      : '客户端已经连接，但在此抓包中服务器一直没有接受';
    return `${client(a)} 连接到 ${server(a)}${took(a)}，但服务器已收到 ACK 和数据，却又发送 SYN+ACK：全连接队列已满，或者它自己的防火墙丢弃了它们；${fate}`;
  },
  'final-ack-ignored': (a) => {
    const { sent, taken } = queueStory(a);
    const waits = sent
      ? '客户端发送了数据，所以服务器不是在等待数据（TCP_DEFER_ACCEPT）：全连接队列已满，或者 ACK 和数据没有到达服务器（防火墙，或另一条回程路径）'
      : '服务器可能在等待数据（TCP_DEFER_ACCEPT），全连接队列可能已满，或者 ACK 没有到达';
    return `${client(a)} 连接到 ${server(a)}${took(a)}，但已得到确认的服务器又发送 SYN+ACK：${waits}；${taken ? '后来服务器接受了连接' : '在此抓包中它一直没有接受'}`;
  },
  'answer-unmatched': (a) =>
    `${client(a)} 以 RST 应答 ${server(a)} 的每个 SYN+ACK，却又重发 SYN：它仍在重试，但不认得到达的应答，途中的地址转换在回程没有还原时就是这样`,
  'answered-elsewhere': (a) => {
    const other = a.evidence.elsewhere;
    const place = other === null ? '' : endpoint(other.address, other.port);
    const why = '去程的地址转换在回程没有还原（需要伪装源地址，或让回程经过转换的设备）';
    if (a.handshake.synAck === null)
      return `${client(a)} 没有得到 ${server(a)} 的应答${waited(a)}，因为应答来自 ${place}（第 ${a.evidence.leg} 次尝试）：${why}`;
    const fate = a.handshake.clientReset === null ? '' : '，客户端不认得它，以 RST 重置';
    return `${server(a)} 应答了 ${client(a)} 发往 ${place} 的 SYN（第 ${a.evidence.leg} 次尝试）${fate}：${why}`;
  },
  'port-reused': (a) => {
    const { previous } = a.evidence;
    const state = previous !== null && hasClosed(previous.state) ? '关闭不到一分钟' : '尚未结束';
    return `${client(a)} 连接到 ${server(a)}${took(a)}，而此端口先前的连接（第 ${previous?.number} 次尝试）${state}`;
  },
  'challenge-ack': (a) =>
    `${server(a)} 以另一个连接的 ACK 应答 ${client(a)} 的 SYN：它还留有来自该端口的旧连接或半连接${a.evidence.previous === null ? '' : `（第 ${a.evidence.previous.number} 次尝试）`}${a.outcome === 'completed' ? '；后来接受了新连接' : ''}`,
  'one-sided': (a) =>
    a.handshake.syn === null
      ? `抓包中只有来自 ${server(a)} 的报文；它确认了 ${client(a)} 的 SYN`
      : `抓包中只有来自 ${client(a)} 的报文；${server(a)} 一定有过应答，因为它得到了确认`,
  'mid-stream': (a) => {
    if (refusesUnseen(a.evidence))
      return `${server(a)} 以 RST 拒绝了 ${client(a)}；它所应答的 SYN 不在抓包中`;
    const reset = disowned(a.evidence);
    if (reset === null) return `${client(a)} 与 ${server(a)} 之间的连接在抓包之前就已开始`;
    const [to, from] = reset.fromClient ? [server(a), client(a)] : [client(a), server(a)];
    return `${from} 不知道（或不再知道）与 ${to} 的连接：它以 RST 应答对方的报文；抓包中没有 SYN`;
  },
  scan: (a) =>
    `${client(a)} 一分钟内尝试了至少 ${a.evidence.scanned} 个目标，很少连接成功：这是扫描${
      a.certainty === 'possible' ? '，或者是网络或服务器出了故障的客户端' : ''
    }；其中的 ${server(a)} ${
      a.outcome === 'refused' ? '拒绝了' : a.outcome === 'reset' ? '是开放的' : '没有应答'
    }`,
  flood: (a) => `${client(a)} 几秒内向 ${server(a)} 发送了大量 SYN，几乎都没有后续：SYN 洪泛，这是其中之一`,
};

export const chinese: AttemptWords = {
  labels: {
    note: '备注',
    offered: '提供',
    answered: '应答',
    'in force': '生效',
    'round trip': '往返时间',
    'captured at': '抓包位置',
    numbers: '序列号',
    repeats: '重传',
    client: '客户端',
  },
  certainty: { certain: '确定', likely: '很可能', possible: '可能' },
  points: {
    client: '客户端或其链路',
    server: '服务器或其链路',
    between: '客户端与服务器之间',
    'same-host-or-link': '双方共处的主机或链路',
  },
  patterns: {
    doubling: '加倍',
    'linear, then doubling': '先固定后加倍',
    constant: '固定',
    other: '不规则',
  },
  table: {
    verdict: '结论',
    count: '数量',
    first: '首见',
    top: '主要目的地',
    none: '没有 TCP 连接尝试。',
    standing: '值得注意：',
  },
  standing: (note, example) => `${notes[note]}（${note}；首见 #${example}）`,
  frame: '帧',
  same: '与之前相同',
  again: '（重复抓取）',
  stray: '（不属于这次尝试）',
  noFlags: '无',
  sentence: (a) =>
    `${sentences[a.verdict](a)}${a.outcome === 'completed' ? afterwards(a.trouble) : ''}${hints(a)}。`,
  note: (note) => `${notes[note]}（${note}）`,
  options: (options) =>
    optionsText(options)
      .replace('none', '无')
      .replace('TFO request', 'TFO 请求')
      .replace('the rest not captured', '其余未抓到'),
  icmp: icmpOf,
  sender: (address) => `来自 ${address}`,
  bytes: (count) => `${count} 字节`,
  shown: (frames, began, encapsulation) =>
    `${frames.length === 0 ? '' : `依据：第 ${frames.join('、')} 帧。`}始于 ${began}${encapsulation === '' ? '' : `，封装：${encapsulation}`}。`,
  segments: (clientMss, serverMss) => `每个报文段客户端最多发送 ${clientMss} 字节，服务器 ${serverMss} 字节`,
  windows: (clientFactor, serverFactor) => `窗口 × ${clientFactor} 与 × ${serverFactor}`,
  stamps: '时间戳',
  roundTrip: (toServer, toClient, ambiguous) =>
    `到服务器 ${toServer}${toClient === null ? '' : ` + 到客户端 ${toClient}`}${
      ambiguous ? '（不确定：无法判断应答的是哪一个 SYN）' : ''
    }`,
  isnStep: (step) => (step === 0 ? '服务器的初始序列号总是相同' : `服务器的初始序列号每次连接增加 ${step}`),
  repeats: (pattern) => `SYN，间隔${pattern}`,
  system: (name) => `${systemName(name)}（由 SYN 判断）`,
};
