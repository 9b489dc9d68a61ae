/** What `halfopen explain` says around its attempts. */
export const explainTexts = {
  asRing: {
    en: '{count} files that follow each other, taken as one capture (--each tells of each, --ends compares them)',
    zh: '{count} 个前后相接的文件，作为一个抓包（--each 分别说明，--ends 互相比较）',
  },
  asEnds: {
    en: '{count} captures of the same time, taken as ends of the same traffic (--ring makes one of them, --each tells of each alone)',
    zh: '{count} 个时间重叠的抓包，作为同一流量的两端（--ring 合为一个，--each 分别说明）',
  },
  ringName: { en: '{file} ... ({count} files)', zh: '{file} ...（{count} 个文件）' },
  moreLegs: { en: '... and {count} more of this kind.', zh: '……另有 {count} 个同类情况。' },
  bothEnds: { en: 'Both ends:', zh: '两端对照：' },
  noPair: { en: 'No attempt is in two of them.', zh: '没有同时出现在两个抓包中的尝试。' },
  more: { en: '... and {count} more.', zh: '……另有 {count} 个。' },
  drops: {
    en: 'halfopen explain: {count} packets came faster than they could be read and are missing: what is "not in this capture" may be among them',
    zh: 'halfopen explain：{count} 个报文来不及读取而丢失：“不在抓包中”的报文可能就在其中',
  },
} as const;
