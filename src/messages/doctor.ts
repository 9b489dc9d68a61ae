/** What `halfopen doctor` says around its findings. */
export const doctorTexts = {
  help: {
    en: `Usage: halfopen doctor [OPTION]...

Finds what makes TCP connections fail on this host. Reads /proc (and asks ss and tc), changes nothing, needs no root.
As root it also sees other users' processes, the firewall's rules, attempts that last moments (trace events), and what
becomes of SYNs that arrive (a packet socket).

  --json            the whole report as JSON
  --prometheus      metrics in Prometheus' text format
  --fix             print a shell script of the fixes; nothing is run
  --watch           go on until interrupted; print what changes
  --interval S      seconds between the two samples of counters (default 1)
  --only ID,...     only these checks
  --ignore ID,...   all but these checks
  --accept FILE     do not report or count the findings that FILE lists, a line each: ID or ID SUBJECT
  --pid PID         the network of this process (a container's): its namespace is entered if this user may
  --proc ROOT       another proc file system (its process 1 is meant), or a folder with copies of /proc/net and /proc/sys
  --lang en|zh      language of the report (else that of LC_ALL or LANG)

Exit: 0 nothing of severity high or worse, 1 something of it, 2 wrong usage, or nothing that the checks need could be read.

Examples:
  halfopen doctor
  halfopen doctor --fix > fix.sh
  halfopen doctor --only self-connected-socket,listener-in-ephemeral-range --json
  halfopen doctor --pid "$(pidof -s nginx)"

Checks:
`,
    zh: `用法：halfopen doctor [选项]...

查找让本机 TCP 连接失败的原因。读取 /proc（并询问 ss 和 tc），不做任何修改，不需要 root。以 root 运行时还能看到其他用户的
进程、防火墙规则、转瞬即逝的连接尝试（跟踪事件），以及到达的 SYN 的下落（分组套接字）。

  --json            以 JSON 输出整份报告
  --prometheus      以 Prometheus 文本格式输出指标
  --fix             输出修复用的 shell 脚本；什么也不执行
  --watch           持续运行到被中断，输出变化
  --interval S      两次读取计数器之间的秒数（默认 1）
  --only ID,...     只做这些检查
  --ignore ID,...   除这些之外的所有检查
  --accept FILE     FILE 中列出的发现不报告也不计入，每行一个：ID 或 ID 对象
  --pid PID         该进程（例如容器）的网络：有权限时进入它的命名空间
  --proc ROOT       另一个 proc 文件系统（指其中的进程 1），或存有 /proc/net 和 /proc/sys 副本的目录
  --lang en|zh      报告的语言（不指定时取 LC_ALL 或 LANG）

退出码：0 没有“严重”及以上的发现；1 有；2 用法错误，或检查所需的内容都读不到。

例：
  halfopen doctor
  halfopen doctor --fix > fix.sh
  halfopen doctor --only self-connected-socket,listener-in-ephemeral-range --json
  halfopen doctor --pid "$(pidof -s nginx)"

检查项目：
`,
  },
  exclude: { en: '{formats} exclude each other', zh: '{formats} 不能同时使用' },
  watchWith: { en: '--watch does not go with --{format}', zh: '--watch 不能与 --{format} 同时使用' },
  badInterval: {
    en: "--interval takes seconds from 0.05 to 3600, not '{value}'",
    zh: '--interval 的取值是 0.05 到 3600 秒，而不是“{value}”',
  },
  noFolder: { en: 'there is no folder {path}', zh: '没有目录 {path}' },
  noFolderHere: {
    en: "there is no folder {path}; the doctor reads Linux's, and this is {platform}",
    zh: '没有目录 {path}；doctor 读取的是 Linux 的目录，而这里是 {platform}',
  },
  badPid: { en: "--pid takes a process number, not '{value}'", zh: '--pid 的取值是进程号，而不是“{value}”' },
  noProcess: { en: 'there is no process {pid} in {path}', zh: '{path} 中没有进程 {pid}' },
  noCheck: {
    en: "--{option}: there is no check '{id}'; --help lists them",
    zh: '--{option}：没有检查“{id}”；--help 列出所有检查',
  },
  noneLeft: { en: '--only and --ignore leave no check', zh: '--only 和 --ignore 之后没有剩下任何检查' },
  badAcceptances: { en: '--accept {file}: {why}', zh: '--accept 的文件 {file}：{why}' },
  cannotEnter: { en: '{why}, and it cannot be entered: {obstacle}', zh: '{why}，而且无法进入：{obstacle}' },
  nothingRead: { en: 'nothing could be read from {path}', zh: '从 {path} 什么也读不到' },
  nothingFound: { en: 'nothing found', zh: '没有发现问题' },
  unknownCount: { en: '{count} unknown', zh: '{count} 项未知' },
  extent: {
    en: '{checks} checks, {sockets} sockets, {seconds} s',
    zh: '{checks} 项检查，{sockets} 个套接字，{seconds} 秒',
  },
  more: {
    en: '{count} more of {id}: halfopen doctor --json --only {id}',
    zh: '{id} 还有 {count} 个：halfopen doctor --json --only {id}',
  },
  accepted: { en: '{count} accepted (not shown, not counted)', zh: '{count} 个已接受（不显示，不计入）' },
  unusedLine: {
    en: 'line {line} of the accepted findings was not found: {what}',
    zh: '已接受清单的第 {line} 行没有对应的发现：{what}',
  },
  notLookedAt: { en: 'Not looked at:', zh: '没有查看：' },
  givesUp: {
    en: 'connect() to an address that does not answer fails after {seconds} s.',
    zh: '连接不应答的地址时，connect() 在 {seconds} 秒后失败。',
  },
  empty: { en: '(empty)', zh: '（空）' },
  critical: { en: 'critical', zh: '危急' },
  high: { en: 'high', zh: '严重' },
  warn: { en: 'warn', zh: '警告' },
  info: { en: 'info', zh: '提示' },
  unknown: { en: 'unknown', zh: '未知' },
  why: { en: 'why', zh: '原因' },
  so: { en: 'so', zh: '因此' },
  read: { en: 'read', zh: '依据' },
  look: { en: 'look', zh: '查看' },
  fix: { en: 'fix', zh: '修复' },
  id: { en: 'id', zh: '编号' },
  for: { en: 'for', zh: '涉及' },
  known: {
    en: 'KNOWN    again, it was: {reason} (for {ids})',
    zh: '已知     之前是：{reason}（涉及 {ids}）',
  },
  lost: { en: '{reason} (for {ids})', zh: '{reason}（涉及 {ids}）' },
} as const;
