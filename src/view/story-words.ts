/** Stories of several attempts together, in English and in Chinese. The English is explain's own. */

import type { NeighbourFinding } from '../explain/decode/neighbours.ts';
import type { Outcome } from '../explain/judge/verdicts.ts';
import { waitText } from '../explain/output/numbers.ts';
import { endpoint } from '../explain/output/sentences.ts';
import { type CaptureSummary, counted, neighbourText, unreadText } from '../explain/output/summary.ts';
import { type Dial, dialText } from '../explain/stories/dials.ts';
import { type Legs, legsText } from '../explain/stories/legs.ts';
import {
  type OneSigns,
  oneSignsText,
  type ProxyLegs,
  proxyText,
  type Unasked,
  unaskedText,
} from '../explain/stories/proxies.ts';
import type { Language } from './words.ts';

/** What is said of several attempts, or of a capture as a whole. */
export interface StoryWords {
  legs(it: Legs): string;
  dial(it: Dial): string;
  proxy(it: ProxyLegs): string;
  unasked(it: Unasked): string;
  oneSigns(it: OneSigns): string;
  neighbour(it: NeighbourFinding): string;
  unread(it: CaptureSummary): string | null;
  counted(n: number, thing: 'packet' | 'TCP segment' | 'connection attempt'): string;
}

const english: StoryWords = {
  legs: legsText,
  dial: dialText,
  proxy: proxyText,
  unasked: unaskedText,
  oneSigns: oneSignsText,
  neighbour: neighbourText,
  unread: unreadText,
  counted,
};

const fates: Readonly<Record<Outcome, string>> = {
  completed: '已连接',
  refused: '拒绝',
  unanswered: '没有应答',
  unconfirmed: '有应答，未得到确认',
  reset: '被重置',
  rejected: '被 ICMP 拒绝',
  unknown: '结果不明',
};

const things = {
  packet: '个报文',
  'TCP segment': '个 TCP 报文段',
  'connection attempt': '次连接尝试',
} as const;

const chinese: StoryWords = {
  legs: ({ legs }) => {
    const way = legs
      .map(
        (a) => `${endpoint(a.client, a.clientPort)} 到 ${endpoint(a.server, a.serverPort)}（#${a.number}）`,
      )
      .join('，然后 ');
    const first = legs[0]!;
    const client = legs.every((a) => a.client === first.client && a.clientPort === first.clientPort);
    const server = legs.every((a) => a.server === first.server && a.serverPort === first.serverPort);
    const what = client ? '途中转换了服务器的地址' : server ? '途中转换了客户端的地址' : '途中转换了地址';
    const fate = legs.some((a) => a.verdict === 'answered-elsewhere')
      ? '应答没有沿 SYN 的路径返回，客户端不认得它'
      : legs.every((a) => a.outcome === 'completed')
        ? '连接成功'
        : `结果为 ${legs[legs.length - 1]!.verdict}`;
    return `同一个 connect() 在途中 ${legs.length} 处出现：${way}；${what}；${fate}。`;
  },
  dial: ({ name, attempts }) => {
    const parts = attempts.map((a, n) => {
      const after = n === 0 ? '' : `${waitText((a.first - attempts[n - 1]!.first) * 1e9)} 后 `;
      return `${after}${endpoint(a.server, a.serverPort)}（#${a.number}），${fates[a.outcome]}`;
    });
    const times = attempts.map((a) => a.connected).filter((time) => time !== null);
    const end =
      times.length === 0
        ? '都没有连接成功'
        : `程序总共等待 ${waitText((Math.min(...times) - attempts[0]!.first) * 1e9)}`;
    return `对 ${name} 的同一次拨号（抓包中有它的 DNS 应答）尝试了其中 ${attempts.length} 个地址：${parts.join('；')}；${end}。`;
  },
  proxy: ({ front, back }) => {
    const why =
      back.outcome === 'completed'
        ? '它处于前者的时间之内，传送的字节数也大致相同'
        : `它的服务器${fates[back.outcome]}，所以客户端得到的只能来自代理`;
    return `就报文所见，这是代理的两段连接：${endpoint(front.client, front.clientPort)} 到 ${endpoint(front.server, front.serverPort)}（#${front.number}），${waitText(Math.max(0, back.first - front.first) * 1e9)} 后 ${endpoint(back.client, back.clientPort)} 到 ${endpoint(back.server, back.serverPort)}（#${back.number}）：${why}。`;
  },
  unasked: ({ victim, servers, resets, first }) =>
    `${servers} 个服务器向 ${victim} 发送了 SYN+ACK，抓包中却没有它的 SYN（首见 #${first.number}）：${
      resets > 0
        ? `它重置了其中 ${resets} 个，说明它并不知情：有人冒用它的地址发送 SYN，它不是扫描者`
        : '或者有人冒用它的地址发送 SYN，或者抓包中缺少它自己的报文'
    }。`,
  oneSigns: ({ signed, plain }) =>
    `${signed.client} 给发往 ${signed.server} 端口 ${signed.serverPort} 的 SYN 签名（#${signed.number}），对方发往 ${signed.client} 的却没有签名（#${plain.number}），双方都没有应答：密钥只设置在一方。`,
  neighbour: (n) =>
    n.kind === 'two-answers'
      ? `${n.answers.length} 台机器以 ${n.protocol} 应答 ${n.address}：${n.answers.join('、')}；报文会到哪一台全凭偶然（两台主机用了同一地址，或有代答者）。`
      : `${n.asker} 在 ${Math.round(n.seconds * 10) / 10} 秒内 ${n.count} 次询问 ${n.address} 的链路地址（${n.protocol}），在此抓包中没有应答，所以无法向它发送 SYN：connect() 以“No route to host”（EHOSTUNREACH）失败。那里没有该地址，或者应答没有回来。依据：第 ${n.frames.join('、')} 帧。`,
  unread: ({ unread, leftOut }) => {
    const parts = [...unread].map(([linkType, n]) => `${n} 个链路类型为 ${linkType} 的报文`);
    if (leftOut > 0) parts.push(`${leftOut} 个压缩的报文（Van Jacobson 或 IPComp），所以没有确定的数字`);
    return parts.length === 0 ? null : `无法读取${parts.join('，')}`;
  },
  counted: (n, thing) => `${n} ${things[thing]}`,
};

export const storyWords: Readonly<Record<Language, StoryWords>> = { en: english, zh: chinese };
