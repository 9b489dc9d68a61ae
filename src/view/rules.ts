/** Where the rule behind each code of tcp/reasons.ts is written: the RFC's section, and what of Linux decides it. */
import type { Reason } from '../tcp/reasons.ts';
import type { Language } from './words.ts';

export interface Rule {
  /** Such as `RFC 9293, 3.10.7.3`; empty where only Linux has the rule. */
  readonly rfc: string;
  /** The sysctl, socket option or call that has a say; empty if none has. */
  readonly linux: string;
}

const rule = (rfc: string, linux = ''): Rule => ({ rfc, linux });

export const rules: Readonly<Record<Reason, Rule>> = {
  'active-open': rule('RFC 9293, 3.10.1 (OPEN call)', 'connect()'),
  'passive-open': rule('RFC 9293, 3.10.1 (OPEN call)', 'listen(), net.core.somaxconn'),
  'syn-received': rule('RFC 9293, 3.10.7.2 (LISTEN state), third', 'net.ipv4.tcp_max_syn_backlog'),
  'syn-ack-received': rule('RFC 9293, 3.10.7.3 (SYN-SENT state), fourth'),
  'simultaneous-syn': rule('RFC 9293, 3.5, figure 7 (simultaneous open)'),
  'handshake-ack': rule('RFC 9293, 3.10.7.4, fifth (SYN-RECEIVED state)'),
  'fast-open-accepted': rule('RFC 7413, 4.2.2', 'net.ipv4.tcp_fastopen'),
  'cookie-ack': rule('RFC 4987, 3.6', 'net.ipv4.tcp_syncookies'),
  'close-called': rule('RFC 9293, 3.10.4 (CLOSE call)', 'close(), shutdown()'),
  'fin-received': rule('RFC 9293, 3.10.7.4, eighth'),
  'fin-acked': rule('RFC 9293, 3.10.7.4, fifth (FIN-WAIT-1, CLOSING, LAST-ACK)'),
  'time-wait-over': rule(
    'RFC 9293, 3.10.8 (TIME-WAIT timeout)',
    '60 s, fixed; net.ipv4.tcp_fin_timeout for FIN-WAIT-2',
  ),
  'rst-received': rule('RFC 9293, 3.10.7.4, second; RFC 5961, 3.2'),
  refused: rule('RFC 9293, 3.10.7.3, second', 'ECONNREFUSED'),
  'syn-timeout': rule('RFC 9293, 3.8.3; RFC 6298', 'net.ipv4.tcp_syn_retries, tcp_syn_linear_timeouts'),
  'synack-timeout': rule('RFC 9293, 3.8.3', 'net.ipv4.tcp_synack_retries'),
  'data-timeout': rule('RFC 9293, 3.8.3', 'net.ipv4.tcp_retries2, TCP_USER_TIMEOUT'),
  'keepalive-timeout': rule('RFC 9293, 3.8.4', 'net.ipv4.tcp_keepalive_probes'),
  'orphan-timeout': rule('RFC 9293, 3.6', 'net.ipv4.tcp_fin_timeout, tcp_orphan_retries'),
  aborted: rule('RFC 9293, 3.10.5 (ABORT call)', 'SO_LINGER'),
  'icmp-error': rule('RFC 9293, 3.9.2.2; RFC 5927'),
  'time-wait-reused': rule('RFC 6191; RFC 9293, 3.10.7.4', 'net.ipv4.tcp_tw_reuse'),
  'listener-closed': rule('RFC 9293, 3.10.4 (CLOSE call)', 'close()'),
  'bad-checksum': rule('RFC 9293, 3.1 (Checksum)'),
  malformed: rule('RFC 9293, 3.1 (Data Offset)'),
  'no-socket': rule('RFC 9293, 3.10.7.1 (CLOSED state)'),
  'rst-to-nobody': rule('RFC 9293, 3.10.7.1 (CLOSED state)'),
  'not-syn': rule('RFC 9293, 3.10.7.2, fourth'),
  'ack-to-listener': rule('RFC 9293, 3.10.7.2, second'),
  'unacceptable-ack': rule('RFC 9293, 3.10.7.3, first; 3.10.7.4, fifth'),
  'out-of-window': rule('RFC 9293, 3.10.7.4, first', 'net.ipv4.tcp_invalid_ratelimit'),
  paws: rule('RFC 7323, 5.3', 'net.ipv4.tcp_timestamps'),
  'wrong-echo': rule('RFC 7323, 5.2', 'net.ipv4.tcp_timestamps'),
  'old-ack': rule('RFC 5961, 5.2'),
  'future-ack': rule('RFC 9293, 3.10.7.4, fifth'),
  'no-ack': rule('RFC 9293, 3.10.7.4, fifth'),
  'syn-in-connection': rule('RFC 5961, 4.2'),
  'rst-not-exact': rule('RFC 5961, 3.2'),
  'rst-out-of-window': rule('RFC 5961, 3.2'),
  'accept-queue-full': rule('', 'listen() backlog, net.ipv4.tcp_abort_on_overflow'),
  'syn-queue-full': rule('RFC 4987, 2', 'listen() backlog, net.ipv4.tcp_max_syn_backlog, tcp_syncookies'),
  'deferred-ack': rule('', 'TCP_DEFER_ACCEPT'),
  'no-window': rule('RFC 9293, 3.10.7.4, first', 'net.ipv4.tcp_rmem'),
  'after-close': rule('RFC 9293, 3.6.1; RFC 2525, 2.17'),
  multicast: rule('RFC 9293, 3.9.2.3'),
  'syn-retransmit': rule('RFC 6298, 2.1 and 5.5', 'net.ipv4.tcp_syn_retries, tcp_syn_linear_timeouts'),
  'synack-retransmit': rule('RFC 6298, 5.5', 'net.ipv4.tcp_synack_retries'),
  'rto-retransmit': rule('RFC 6298, 5.4', 'net.ipv4.tcp_retries2'),
  'delayed-ack': rule('RFC 9293, 3.8.6.3; RFC 1122, 4.2.3.2', 'TCP_QUICKACK'),
  'zero-window-probe': rule('RFC 9293, 3.8.6.1'),
  'keepalive-probe': rule('RFC 9293, 3.8.4', 'net.ipv4.tcp_keepalive_time'),
  'challenge-ack': rule('RFC 5961, 3.2, 4.2 and 7', 'net.ipv4.tcp_challenge_ack_limit'),
  'duplicate-data': rule('RFC 2883, 4', 'net.ipv4.tcp_dsack'),
  'syn-cookie-sent': rule('RFC 4987, 3.6', 'net.ipv4.tcp_syncookies'),
  'fast-open-cookie-sent': rule('RFC 7413, 4.1.2', 'net.ipv4.tcp_fastopen'),
  'fast-open-rejected': rule('RFC 7413, 4.2.2', 'net.ipv4.tcp_fastopen'),
  'fast-open-data-again': rule('RFC 7413, 4.2.1', 'net.ipv4.tcp_fastopen'),
  negotiated: rule(
    'RFC 9293, 3.7.1; RFC 7323, 1.3 and 2.2; RFC 2018, 2',
    'net.ipv4.tcp_window_scaling, tcp_sack, tcp_timestamps',
  ),
  'mtu-reduced': rule('RFC 1191; RFC 8201', 'net.ipv4.ip_no_pmtu_disc'),
};

const steps: Readonly<Record<string, string>> = {
  first: '一',
  second: '二',
  third: '三',
  fourth: '四',
  fifth: '五',
  eighth: '八',
};
const names: Readonly<Record<string, string>> = {
  '(simultaneous open)': '（同时打开）',
  '(TIME-WAIT timeout)': '（TIME-WAIT 超时）',
  '(Checksum)': '（校验和）',
  '(Data Offset)': '（数据偏移）',
};

/** A rule's RFC or Linux text in a language. Section numbers and names of the field stay as they are. */
export function ruleText(text: string, language: Language): string {
  if (language === 'en') return text;
  return text
    .replace(/, (first|second|third|fourth|fifth|eighth)\b/g, (_, step: string) => `，第${steps[step]}步`)
    .replace(/, figure (\d+)/g, '，图 $1')
    .replace(/ \((\w+) call\)/g, '（$1 调用）')
    .replace(/ \(([A-Z-]+) state\)/g, '（$1 状态）')
    .replace(/ (\([A-Za-z -]+\))/g, (all, name: string) => names[name] ?? all)
    .replace(/ and (?=\d)/g, ' 和 ')
    .replace(/60 s, fixed; (\S+) for FIN-WAIT-2/, '固定 60 秒；FIN-WAIT-2 由 $1 决定')
    .replace('listen() backlog', 'listen() 的 backlog');
}
