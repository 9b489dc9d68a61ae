/** The list of commands, and what `halfopen` itself says. */
export const commandTexts = {
  start: {
    en: 'the three-way handshake, drawn as a ladder: the first minute',
    zh: '画出三次握手：一分钟入门',
  },
  explain: {
    en: 'what happened to every connection attempt in a capture',
    zh: '说明抓包中每一次连接尝试的结果',
  },
  run: { en: 'run packetdrill scripts on the built-in stack', zh: '在内置协议栈上运行 packetdrill 脚本' },
  compare: {
    en: 'do the same to this kernel and to the built-in stack, and show where they differ',
    zh: '对本机内核和内置协议栈做同样的事，指出两者的不同',
  },
  musts: {
    en: "which of RFC 9293's MUSTs on opening, resetting and closing a stack fulfils",
    zh: '协议栈满足 RFC 9293 关于打开、复位和关闭连接的哪些 MUST',
  },
  tun: {
    en: 'a host of ours on a TUN device, for real programs to talk to',
    zh: '在 TUN 设备上运行一台我们的主机，供真实程序与之通信',
  },
  lab: {
    en: 'serve the lab: see a handshake, break it, understand it',
    zh: '打开实验室页面：观察握手，动手破坏，弄懂原理',
  },
  doctor: { en: 'find what makes connections fail on this host', zh: '查出本机连接失败的原因' },
  watch: {
    en: 'tell the connection attempts of this machine as they happen, and why they fail',
    zh: '实时报告本机的连接尝试，以及失败的原因',
  },
  guard: {
    en: 'keep every program of this host from being connected to itself',
    zh: '不让本机任何程序连上自己',
  },
  port: {
    en: 'run a program with ports that nobody else takes, that refuse, or never answer',
    zh: '带着端口运行程序：无人会抢占的、必定拒绝的、永不应答的',
  },
  'self-connect': {
    en: 'show how a program connects to itself, and how the guard prevents it',
    zh: '演示程序如何连上自己，以及 guard 如何避免',
  },
  usage: { en: 'Usage: halfopen COMMAND [OPTION]...', zh: '用法：halfopen 命令 [选项]...' },
  commands: { en: 'Commands:', zh: '命令：' },
  more: {
    en: 'halfopen COMMAND --help says more. All take --lang en or --lang zh; the locale decides if it is not given.',
    zh: '各命令的用法见 halfopen 命令 --help。都可以加 --lang zh 或 --lang en；不加时按系统的语言设置。',
  },
  noCommand: { en: "there is no command '{name}'", zh: '没有命令“{name}”' },
} as const;
