/** What `halfopen guard` says. */
export const guardTexts = {
  help: {
    en: `Usage: halfopen guard [OPTION]...

Keeps every program of this host from being connected to itself, whatever its language: finds such a connection the moment
it comes to be, in every network namespace, containers included, and destroys it. The program gets ECONNABORTED, and the port
is free for its service at once. Runs until it is interrupted; a line for each. Needs root and Linux with SOCK_DESTROY.

It is told by a trace event of the kernel. Where there can be none it asks the kernel for such sockets many times a second,
and then also ends a connection that address translation leads elsewhere although its two ends look the same.

  --dry-run      destroy nothing, only say what there is
  --ask          do without the trace event
  --json         an object a line: time, what was done, address, port, how long it lived, process, network namespace
  --lang en|zh   language of the sentences (else that of LC_ALL or LANG)
  --help

Exit: 0 it was interrupted, 1 it had to give up, 2 wrong usage or not possible here.

Examples:
  halfopen guard --dry-run
  halfopen guard --json >> /var/log/halfopen-guard.ndjson
`,
    zh: `用法：halfopen guard [选项]...

不论程序用什么语言写成，都不让本机的程序连上自己：这样的连接一出现就被发现并销毁，所有网络命名空间（包括容器）都在内。
程序得到 ECONNABORTED，端口立刻归还给它的服务。运行到被中断为止，每销毁一个写一行。需要 root，内核要有 SOCK_DESTROY。

由内核的跟踪事件得知。没有跟踪事件时，改为每秒多次向内核查询；这时，两端看似相同、实际被地址转换引到别处的连接也会被结束。

  --dry-run      不销毁，只报告
  --ask          不用跟踪事件
  --json         每行一个 JSON 对象：时间、处理、地址、端口、存活时间、进程、网络命名空间
  --lang en|zh   文字的语言（不指定时取 LC_ALL 或 LANG）
  --help

退出码：0 被中断；1 中途无法继续；2 用法错误，或此处不能运行。

例：
  halfopen guard --dry-run
  halfopen guard --json >> /var/log/halfopen-guard.ndjson
`,
  },
  readyTrace: {
    en: "on watch in every network namespace, by the kernel's trace event",
    zh: '正在守护所有网络命名空间（由内核的跟踪事件得知）',
  },
  readyAsk: {
    en: 'on watch in every network namespace, by asking the kernel many times a second',
    zh: '正在守护所有网络命名空间（每秒多次向内核查询）',
  },
  noTrace: { en: 'there is no trace event: {why}', zh: '没有跟踪事件：{why}' },
  destroyed: { en: '{end} was connected to itself: destroyed{lived}', zh: '{end} 连上了自己：已销毁{lived}' },
  spared: { en: '{end} is connected to itself{lived}', zh: '{end} 连上了自己{lived}' },
  gone: {
    en: '{end} was connected to itself: it ended before it could be destroyed{lived}',
    zh: '{end} 连上了自己：销毁之前它已结束{lived}',
  },
  timeWait: {
    en: '{end} is in TIME-WAIT with itself: ended, the port is free{lived}',
    zh: '{end} 与自己处于 TIME-WAIT：已结束，端口已释放{lived}',
  },
  timeWaitSpared: {
    en: '{end} is in TIME-WAIT with itself, and its service cannot bind{lived}',
    zh: '{end} 与自己处于 TIME-WAIT，它的服务无法绑定该端口{lived}',
  },
  lived: { en: ' after {ms} ms', zh: '，存活 {ms} 毫秒' },
  owner: { en: '; {name} (process {pid})', zh: '；{name}（进程 {pid}）' },
  elsewhere: { en: '; network namespace {inode}', zh: '；网络命名空间 {inode}' },
  blind: {
    en: 'network namespace {inode} cannot be looked into: {why}',
    zh: '无法查看网络命名空间 {inode}：{why}',
  },
  dropped: {
    en: '{count} lines were dropped because nobody read them',
    zh: '无人读取输出，丢弃了 {count} 行',
  },
  notLinux: { en: 'this needs Linux', zh: '只能在 Linux 上运行' },
  notRoot: {
    en: 'only root may destroy sockets of other programs: sudo halfopen guard',
    zh: '只有 root 可以销毁其他程序的套接字：sudo halfopen guard',
  },
  noDestroy: {
    en: 'this kernel cannot destroy sockets (it was built without CONFIG_INET_DIAG_DESTROY); --dry-run still finds them',
    zh: '这个内核不能销毁套接字（编译时没有 CONFIG_INET_DIAG_DESTROY）；--dry-run 仍可报告',
  },
} as const;
