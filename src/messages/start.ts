/** What `halfopen start` says. */
export const startTexts = {
  help: {
    en: `Usage: halfopen start [OPTION]...

Shows the classic three-way handshake: two hosts with Linux 6.18's defaults, joined by a wire of 25 ms, in virtual time.

  --lang en|zh   language of the sentences (else that of LC_ALL or LANG)
  --json         events instead of the drawing, one JSON object a line
  --help
`,
    zh: `用法：halfopen start [选项]...

演示经典的三次握手：两台主机，参数都是 Linux 6.18 的默认值，中间一条单程 25 ms 的线路，虚拟时间。

  --lang en|zh   说明文字的语言（不指定时取 LC_ALL 或 LANG）
  --json         不画图，每行输出一个事件的 JSON 对象
  --help
`,
  },
  title: {
    en: 'The three-way handshake as Linux 6.18 does it: built-in TCP, virtual time',
    zh: '三次握手，与 Linux 6.18 的行为一致：内置 TCP，虚拟时间',
  },
  lessonNumbers: {
    en: 'A SYN consumes one sequence number, so both acknowledgments are ISN + 1.',
    zh: 'SYN 占用一个序列号，因此双方的确认号都是 ISN + 1。',
  },
  lessonOptions: {
    en: 'An option is in force only if both sides offered it; windows are scaled from the third packet on.',
    zh: '只有双方都声明支持的选项才生效；从第三个报文段起窗口才按比例放大。',
  },
  scriptPasses: {
    en: 'The packetdrill script of it, {script}, passes.',
    zh: '对应的 packetdrill 脚本 {script} 运行通过。',
  },
  scriptFails: {
    en: 'the stack does not do what the script of the handshake says:',
    zh: '协议栈的行为与握手脚本所写的不同：',
  },
  next: { en: 'Try next:', zh: '接下来可以试试：' },
  tryRun: {
    en: 'run packetdrill scripts without root, in virtual time',
    zh: '无需 root，在虚拟时间中运行 packetdrill 脚本',
  },
  tryExplain: {
    en: 'what happened to every connection attempt in a capture',
    zh: '说明抓包中每一次连接尝试的结果',
  },
  tryDoctor: { en: 'find what makes connections fail on this machine', zh: '查出本机连接失败的原因' },
  client: { en: 'client', zh: '客户端' },
  server: { en: 'server', zh: '服务器' },
} as const;
