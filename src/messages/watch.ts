/** What `halfopen watch` says. */
export const watchTexts = {
  help: {
    en: `Usage: halfopen watch [OPTION]...

Tells the connection attempts of this machine as they end, a line each: which process, where to, how long, what became
of it, and why, by the kernel's own trace events. Needs root. Nothing is changed; what it sets up is gone when it ends.

  --all              connections that succeed as well, not failures only
  --pid PID          only attempts from the network namespace of this process
  --json             a JSON object a line
  --metrics ADDRESS  serve counters for Prometheus at http://ADDRESS/metrics (127.0.0.1:9464) in place of lines
  --duration S       end after so many seconds
  --pcap FILE        keep the SYNs, RSTs and ICMP errors around failures as pcapng (needs koffi)
  --lang en|zh       language
  --help

Exit: 0 when it ended as asked, 2 for wrong usage or where it cannot watch.

Examples:
  halfopen watch
  halfopen watch --json --all --duration 60 > attempts.ndjson
  halfopen watch --metrics 127.0.0.1:9464
`,
    zh: `用法：halfopen watch [选项]...

逐行报告本机刚结束的连接尝试：哪个进程、连向哪里、用了多久、结果如何、原因是什么；依据是内核自己的跟踪事件。
需要 root。不改动任何设置；结束后不留下任何东西。

  --all              也报告成功的连接，而不只是失败的
  --pid PID          只看该进程所在网络命名空间里的尝试
  --json             每行一个 JSON 对象
  --metrics 地址     不逐行输出，而在 http://地址/metrics 提供 Prometheus 计数器（如 127.0.0.1:9464）
  --duration 秒数    到时结束
  --pcap 文件        把失败前后的 SYN、RST 和 ICMP 差错存成 pcapng（需要 koffi）
  --lang en|zh       语言
  --help

退出码：0 正常结束，2 用法错误或无法监视。

示例：
  halfopen watch
  halfopen watch --json --all --duration 60 > attempts.ndjson
  halfopen watch --metrics 127.0.0.1:9464
`,
  },
  needsRoot: {
    en: "watch reads the kernel's trace events, and only root may: run it with sudo",
    zh: 'watch 要读取内核的跟踪事件，只有 root 可以：请用 sudo 运行',
  },
  cannot: { en: 'cannot watch here: {why}', zh: '此处无法监视：{why}' },
  ended: { en: 'the trace ended by itself: {why}', zh: '跟踪意外结束：{why}' },
  badPid: {
    en: "--pid takes the number of a process that lives, not '{pid}'",
    zh: '--pid 要一个存在的进程号，不能是“{pid}”',
  },
  badDuration: {
    en: "--duration takes seconds above 0, not '{value}'",
    zh: '--duration 要大于 0 的秒数，不能是“{value}”',
  },
  doctorFailed: {
    en: 'halfopen watch: the doctor could not look: {why}',
    zh: 'halfopen watch：doctor 这一次没能检查：{why}',
  },
  badMetrics: {
    en: "--metrics takes ADDRESS:PORT such as 127.0.0.1:9464, not '{value}'",
    zh: '--metrics 要写地址和端口（如 127.0.0.1:9464），不能是“{value}”',
  },
  cannotServe: { en: 'cannot serve metrics at {at}: {why}', zh: '无法在 {at} 提供指标：{why}' },
  serving: { en: 'metrics at http://{at}/metrics', zh: '指标见 http://{at}/metrics' },
  watching: { en: 'watching; ^C ends it', zh: '监视中；按 ^C 结束' },
  lost: {
    en: '{count} times events came faster than they could be read: some attempts are not told',
    zh: '有 {count} 次事件来得太快没读完：部分尝试未报告',
  },
  stranger: { en: 'from elsewhere', zh: '来自别处' },
  connected: { en: 'connected in {time}', zh: '{time} 后连上' },
  itself: { en: 'connected to itself', zh: '连到了自己' },
  reset: { en: 'connected and was soon reset by the peer', zh: '连上后很快被对端复位' },
  refused: { en: 'refused after {time}', zh: '{time} 后被拒绝' },
  noPackets: {
    en: 'arriving packets cannot be looked at, so that drops on arrival are not told: {why}',
    zh: '无法查看到达的分组，因此不报告到达时的丢弃：{why}',
  },
  unsent: { en: 'failed at once ({error})', zh: '立即失败（{error}）' },
  unreachable: { en: 'failed after {time} ({error})', zh: '{time} 后失败（{error}）' },
  'timed-out': { en: 'timed out after {time}, {syns} SYNs', zh: '{time} 后超时，共 {syns} 个 SYN' },
  'given-up': {
    en: 'given up by the program after {time}, {syns} SYNs',
    zh: '{time} 后程序放弃，共 {syns} 个 SYN',
  },
  dropped: { en: 'dropped here', zh: '在本机被丢弃' },
  'turned-away': { en: 'refused here', zh: '在本机被拒绝' },
  pending: { en: 'still waiting after {time}', zh: '{time} 后仍在等待' },
  'why-firewall': { en: 'a firewall rule of this machine takes it away', zh: '本机的防火墙规则拦下了它' },
  'why-reverse-path': {
    en: 'the reverse path filter of this machine drops it: its source is routed another way',
    zh: '本机的反向路径过滤丢弃了它：源地址的路由走另一条路',
  },
  'why-no-socket': {
    en: 'nobody listens at that address and port of this machine',
    zh: '本机的该地址和端口上没有监听者',
  },
  'why-no-port': {
    en: 'no local port is left for that destination',
    zh: '没有可用于该目的地的本地端口了',
  },
  'why-queue-full': {
    en: 'the accept queue of the listener on this machine is full',
    zh: '本机监听者的全连接队列已满',
  },
  'why-checksum': { en: 'a checksum was wrong on arrival', zh: '到达时校验和错误' },
  'why-no-route': { en: 'no route leads there', zh: '没有到那里的路由' },
  'why-neighbour': { en: 'the next hop does not answer ARP or NDP', zh: '下一跳不响应 ARP 或 NDP' },
  'why-icmp': { en: 'an ICMP error came back', zh: '收到 ICMP 差错' },
  'why-peer': { en: 'the other host answered with RST', zh: '对端以 RST 应答' },
  'why-no-answer': {
    en: 'nobody answered: lost beyond this machine',
    zh: '没有人应答：丢在了本机之外',
  },
  'why-program': { en: 'it did not wait for a second SYN', zh: '它没有等到第二个 SYN' },
  'why-kernel-drop': { en: 'the kernel of this machine dropped it', zh: '本机内核丢弃了它' },
  likely: { en: 'likely', zh: '很可能' },
} as const;
