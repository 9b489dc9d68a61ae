/** What `halfopen explain` says of its use, and where it cannot go on. */
export const explainCommandTexts = {
  help: {
    en: `Usage: halfopen explain [OPTION]... FILE...|-

Says for each TCP connection attempt in a capture what happened in its handshake, why, and how it is known.
Reads pcap, pcapng and snoop (µs, ns, either byte order, gzip; zstd where Node can), from files or a pipe (-).

  --all               every attempt in full: sentence, evidence, packets, options
  --attempt N         one attempt in full
  --json              one JSON object per attempt and line (schema: docs/explain-json.md)
  --html FILE         also one page to mail: at most 300 attempts, about 2 MB (one capture only)
  --parquet FILE      also one row per attempt in Parquet (columns and SQL: docs/explain-parquet.md)
  --ndjson FILE       also one JSON object per attempt and line, into a file
  --partition-by-day  with --parquet FOLDER or --ndjson FOLDER: a file per capture and day, FOLDER/dt=YYYY-MM-DD/CAPTURE.parquet
  --rotate 1h         the same for what has no end (--interface, a pipe): a new file after so long (s, m, h, d) or
                      so much (K, M, G), FOLDER/dt=YYYY-MM-DD/HOST-TIME.parquet, each whole or not there
  --hostname NAME     the host that the rows are of (with --interface: this machine's name without it)
  --ring, --ends, --each   take several files as pieces of one capture, as captures of both ends, or each alone
                      (without these, names and times decide; a folder stands for the captures in it)
  --interface NAME    capture from an interface (any: all) until ^C, on Linux, as root; --seconds N ends it by itself
  --host ADDRESS      only attempts with this address on either side
  --port PORT         only attempts with this port on either side
  --since TIME        only attempts that began then or later (ISO 8601, in UTC unless it says otherwise; or seconds since 1970)
  --until TIME        only attempts that began then or earlier
  --verdict CODE,...  only attempts with this verdict, outcome or note
  --lang en|zh        language

Exit: 0 the captures were read, 1 one is damaged or cannot be read, 2 wrong usage.

Examples:
  halfopen explain capture.pcapng
  halfopen explain --verdict unanswered,refused --all capture.pcap
  tcpdump -U -w - tcp | halfopen explain --all -
  halfopen explain --json capture.pcap > attempts.ndjson
  halfopen explain client.pcap server.pcap
  halfopen explain --ring trace.pcap*
  halfopen explain --html report.html --parquet attempts.parquet capture.pcap

Codes for --verdict:
`,
    zh: `用法：halfopen explain [选项]... 文件...|-

说明抓包中每一次 TCP 连接尝试的握手发生了什么、为什么、依据是什么。
可读 pcap、pcapng 和 snoop（微秒或纳秒、两种字节序、gzip；Node 支持时还有 zstd），来自文件或管道（-）。

  --all               完整说明每次尝试：结论、依据、报文、选项
  --attempt N         完整说明其中一次尝试
  --json              每次尝试一行 JSON（字段见 docs/explain-json.md）
  --html 文件         另存为一个可邮寄的网页：至多 300 次尝试，约 2 MB（只限一个抓包）
  --parquet 文件      另存为 Parquet，每次尝试一行（列与 SQL 见 docs/explain-parquet.md）
  --ndjson 文件       另存为文件，每次尝试一行 JSON
  --partition-by-day  配合 --parquet 目录 或 --ndjson 目录：每个抓包每天一个文件，目录/dt=YYYY-MM-DD/抓包名.parquet
  --rotate 1h         用于没有尽头的抓包（--interface 或管道）：每隔一段时间（s、m、h、d）或写满一定大小（K、M、G）
                      换一个文件，目录/dt=YYYY-MM-DD/主机-时间.parquet，每个文件要么完整，要么不存在
  --hostname 名称     这些行所属的主机（--interface 时默认为本机名）
  --ring、--ends、--each   把多个文件作为同一抓包的片段、作为流量两端的抓包，或分别说明
                      （不写时由文件名和时间决定；目录代表其中的抓包）
  --interface 名称    从网络接口抓包（any 表示全部），按 ^C 结束，限 Linux 和 root；--seconds N 到时自动结束
  --host 地址         只看任一方为该地址的尝试
  --port 端口         只看任一方为该端口的尝试
  --since 时间        只看此时及以后开始的尝试（ISO 8601，未注明时区即为 UTC；或自 1970 年起的秒数）
  --until 时间        只看此时及以前开始的尝试
  --verdict 代码,...  只看有此结论、结果或备注的尝试
  --lang en|zh        语言

退出码：0 抓包已读完，1 有抓包损坏或无法读取，2 用法错误。

示例：
  halfopen explain capture.pcapng
  halfopen explain --verdict unanswered,refused --all capture.pcap
  tcpdump -U -w - tcp | halfopen explain --all -
  halfopen explain --json capture.pcap > attempts.ndjson
  halfopen explain client.pcap server.pcap
  halfopen explain --ring trace.pcap*
  halfopen explain --html report.html --parquet attempts.parquet capture.pcap

--verdict 的代码：
`,
  },
  noFilesBeside: {
    en: '--interface captures itself: give no files beside it',
    zh: '--interface 自己抓包：不要再给文件',
  },
  secondsAlone: { en: '--seconds goes with --interface', zh: '--seconds 要与 --interface 一起使用' },
  exclude: { en: '{first} and {last} exclude each other', zh: '{first} 与 {last} 不能同时使用' },
  which: {
    en: 'which capture? Give files, or - for a pipe (--help says more)',
    zh: '读哪个抓包？请给出文件，或以 - 表示管道（详见 --help）',
  },
  whereTo: {
    en: '--{option} says how --parquet FOLDER or --ndjson FOLDER is filled: give one of them too',
    zh: '--{option} 决定如何写入 --parquet 目录或 --ndjson 目录：请同时给出其中之一',
  },
  endless: {
    en: '--rotate is for what has no end: --interface, or - for a pipe (for files there is --partition-by-day)',
    zh: '--rotate 用于没有尽头的抓包：--interface 或管道（-）；文件请用 --partition-by-day',
  },
  onePage: {
    en: '--html makes a page of one capture: give one, or merge them first (mergecap)',
    zh: '--html 只为一个抓包生成网页：请只给一个，或先合并（mergecap）',
  },
  isFolder: { en: '--{option} {path}: is a folder', zh: '--{option} {path}：是目录' },
  isFolderByDay: {
    en: '--{option} {path}: is a folder (--partition-by-day fills folders)',
    zh: '--{option} {path}：是目录（写入目录请加 --partition-by-day）',
  },
  isFile: {
    en: '--{option} {path}: is a file, and --partition-by-day and --rotate need a folder',
    zh: '--{option} {path}：是文件，而 --partition-by-day 和 --rotate 需要目录',
  },
  noFolder: {
    en: '--{option} {path}: there is no folder {parent}',
    zh: '--{option} {path}：没有目录 {parent}',
  },
  badRotate: {
    en: "--rotate takes a time from 1s to 31d (s, m, h, d) or a size from 1K to 64G (K, M, G), not '{value}'",
    zh: '--rotate 要 1s 到 31d 的时间（s、m、h、d）或 1K 到 64G 的大小（K、M、G），不能是“{value}”',
  },
  badNumber: {
    en: "--{name} takes a whole number from {least} to {most}, not '{value}'",
    zh: '--{name} 要 {least} 到 {most} 的整数，不能是“{value}”',
  },
  badTime: {
    en: "--{name} takes a time such as 2024-05-01T12:00:00Z, not '{value}'",
    zh: '--{name} 要一个时间，例如 2024-05-01T12:00:00Z，不能是“{value}”',
  },
  noneWanted: { en: 'None of them is what was asked for.', zh: '其中没有所要的尝试。' },
  counts: {
    en: '{packets}, {segments}, {attempts}',
    zh: '{packets}，{segments}，{attempts}',
  },
  noAttempt: {
    en: '{file} has {count} attempts, no attempt {number}',
    zh: '{file} 有 {count} 次尝试，没有第 {number} 次',
  },
  noAttemptFiltered: {
    en: '{file} has {count} attempts, no attempt {number} that the filter lets through',
    zh: '{file} 有 {count} 次尝试，第 {number} 次不符合筛选条件',
  },
  linkTypes: {
    en: '{what} (docs/explain.md lists the link types)',
    zh: '{what}（docs/explain.md 列有链路类型）',
  },
  noFile: { en: 'there is no such file', zh: '没有这个文件' },
  folderNoCapture: { en: 'is a folder, not a capture', zh: '是目录，不是抓包' },
  mayNot: { en: 'you may not read it', zh: '没有读取权限' },
} as const;
