/** Verdicts of `explain` in Chinese; in English they are their own codes. */
import type { Verdict } from '../../../../src/explain/judge/verdicts.ts';
import type { Language } from '../../../../src/view/words.ts';

const chinese: Readonly<Record<Verdict, string>> = {
  completed: '握手完成',
  refused: '被拒绝',
  unanswered: '无人应答',
  unconfirmed: '客户端未确认',
  'reset-by-client': '客户端复位',
  'reset-by-server': '服务器复位',
  'rejected-by-icmp': '被 ICMP 拒绝',
  'simultaneous-open': '同时打开',
  'split-handshake': '拆分握手',
  'self-connect': '自连接',
  'fast-open-accepted': '快速打开成功',
  'fast-open-rejected': '快速打开被拒',
  'fast-open-fallback': '快速打开退回',
  'syn-cookie': 'SYN cookie',
  'accept-queue-full': '全连接队列满',
  'final-ack-ignored': '末次 ACK 被忽略',
  'answer-unmatched': '应答对不上',
  'answered-elsewhere': '别处应答',
  'port-reused': '端口复用',
  'challenge-ack': '挑战 ACK',
  'one-sided': '只有单向',
  'mid-stream': '中途开始',
  scan: '扫描',
  flood: 'SYN 洪泛',
};

export const verdictName = (verdict: string, language: Language): string =>
  language === 'zh' ? ((chinese as Readonly<Record<string, string>>)[verdict] ?? verdict) : verdict;
