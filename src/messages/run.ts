/** What `halfopen run` says. */
export const runTexts = {
  help: {
    en: `Usage: halfopen run [OPTION]... PATH...

Runs packetdrill scripts (files, or folders searched for *.pkt) on the built-in stack, in virtual time and without root,
on this machine's kernel, or on a stack of yours.
Nothing a script says touches this machine: its commands act on the virtual host.

  --ip LIST         address set-ups to run each script in: ipv4, ipv6, mapped (default ipv4; names ending in -v4.pkt or
                    -v6.pkt and --ip_version= in a script restrict that)
  --on SYSTEM       what to run them on: built-in (default);
                    kernel, this machine's own in real time, in a network namespace of its own, as an ordinary user where
                    user namespaces are allowed, or as root (docs/on-the-kernel.md). Commands of a script then run in a real
                    shell there, which is no sandbox: run only what you trust;
                    or exec:COMMAND, a stack of yours that speaks the protocol of docs/foreign-stacks.md.
                    A script that asks for what a system has not "cannot run here", and is no failure
  --timing KIND     strict (default): packetdrill's tolerances; loose: order and content are judged, times are not
  --congestion NAME on the kernel: the congestion control of connections (default cubic)
  --time KIND       of such a stack: virtual (default) or real
  --patience N      seconds that such a stack may take for an answer (default 10)
  --ladder          draw each run as a ladder diagram
  --pcap FILE       write all packets to FILE (pcapng; one interface a run)
  --json            one JSON object a line and run
  --tap             Test Anything Protocol
  --dry_run         read the scripts only
  -v, --verbose     show the packets, and what snippets and commands print
  -D NAME=VALUE     replace the word NAME in the scripts
  --python          run snippets with the real python3 of this machine (isolated: -I), which can do whatever you can: read and
                    write your files, use the network. Only for scripts that you trust
  --jobs N          run N scripts at a time
  --timeout N       seconds that a script may take in real time (default 60; 600 with --on)
  --root FOLDER     scripts, and the shell scripts that they call, are read below FOLDER only, links followed (default: PATH if
                    it is a folder, else the file's repository or folder)
  --untrusted       for scripts of strangers: no file but the script is read, no --python, no --on
  --seed N          seed of the virtual host's random numbers (default 1)
  --lang en|zh      language (else that of LC_ALL or LANG)

packetdrill's own options, which win over those in a script:
  {options}

Exit: 0 no script failed, 1 one did, 2 wrong usage, or none of them can run on what was asked for.

Examples:
  halfopen run scripts/*.pkt
  halfopen run --ladder scripts/01-three-way-handshake.pkt
  halfopen run --on 'exec:./my-stack --quiet' scripts/rfc9293
  halfopen run --ip ipv4,ipv6,mapped --json my/scripts > results.jsonl
`,
    zh: `用法：halfopen run [选项]... 路径...

在内置协议栈上运行 packetdrill 脚本（文件，或在目录中查找 *.pkt），使用虚拟时间，不需要 root；
也可以在本机内核或你自己的协议栈上运行。
脚本里的内容不会碰到这台机器：其中的命令只作用于虚拟主机。

  --ip 列表         每个脚本用哪些地址设置运行：ipv4、ipv6、mapped（默认 ipv4；文件名以 -v4.pkt、-v6.pkt 结尾，
                    或脚本中的 --ip_version= 会加以限制）
  --on 系统         在什么上面运行：built-in（默认）；
                    kernel，即本机内核，真实时间，使用独立的网络命名空间，允许用户命名空间时普通用户即可，
                    否则需要 root（docs/on-the-kernel.md）。此时脚本里的命令在那里的真实 shell 中运行，
                    这不是沙箱：只运行你信任的脚本；
                    或 exec:命令，即遵循 docs/foreign-stacks.md 协议的你自己的协议栈。
                    脚本需要所选系统没有的功能时记为“无法运行”，不算失败
  --timing 种类     strict（默认）：按 packetdrill 的容差；loose：只判断顺序与内容，不判断时间
  --congestion 名字 在内核上运行时连接所用的拥塞控制（默认 cubic）
  --time 种类       这种协议栈的时间：virtual（默认）或 real
  --patience N      等待这种协议栈应答的秒数（默认 10）
  --ladder          把每次运行画成梯形图
  --pcap 文件       把所有报文写入文件（pcapng；每次运行一个接口）
  --json            每次运行一行，一个 JSON 对象
  --tap             Test Anything Protocol
  --dry_run         只读取脚本
  -v, --verbose     显示报文，以及代码片段与命令的输出
  -D 名字=值        替换脚本中的这个词
  --python          用本机真正的 python3 运行代码片段（隔离模式 -I）；你能做的它都能做：读写你的文件、使用网络。
                    只用于你信任的脚本
  --jobs N          同时运行 N 个脚本
  --timeout N       每个脚本最多运行的秒数，真实时间（默认 60；有 --on 时 600）
  --root 目录       脚本以及它们调用的 shell 脚本只能从这个目录之下读取，符号链接也算（默认：路径本身若是目录则为它，
                    否则为文件所在的仓库或目录）
  --untrusted       用于陌生人的脚本：除脚本外不读任何文件，不能与 --python、--on 同用
  --seed N          虚拟主机的随机种子（默认 1）
  --lang en|zh      语言（不指定时取 LC_ALL 或 LANG）

packetdrill 自己的选项，优先于脚本里的：
  {options}

退出码：0 没有脚本失败，1 有脚本失败，2 用法错误，或没有一个脚本能在所选系统上运行。

示例：
  halfopen run scripts/*.pkt
  halfopen run --ladder scripts/01-three-way-handshake.pkt
  halfopen run --on 'exec:./my-stack --quiet' scripts/rfc9293
  halfopen run --ip ipv4,ipv6,mapped --json my/scripts > results.jsonl
`,
  },
  noPath: {
    en: 'give at least one script or folder; --help says more',
    zh: '请至少给出一个脚本或目录；用法见 --help',
  },
  exclusive: { en: '--json and --tap exclude each other', zh: '--json 与 --tap 不能同时使用' },
  badCount: {
    en: "{name} takes a number from {min} to {max}, not '{text}'",
    zh: '{name} 应为 {min} 到 {max} 的数字，不能是“{text}”',
  },
  badTime: {
    en: "--time takes virtual or real, not '{time}'",
    zh: '--time 只能是 virtual 或 real，不能是“{time}”',
  },
  onlyExec: {
    en: '--time and --patience are for --on exec:COMMAND',
    zh: '--time 与 --patience 只用于 --on exec:命令',
  },
  badIp: {
    en: "--ip takes ipv4, ipv6 and mapped, not '{name}'",
    zh: '--ip 只能是 ipv4、ipv6 与 mapped，不能是“{name}”',
  },
  badDefine: { en: "-D takes NAME=VALUE, not '{text}'", zh: '-D 的形式是 名字=值，不能是“{text}”' },
  untrustedOnly: {
    en: '--untrusted excludes --python and --on',
    zh: '--untrusted 不能与 --python、--on 同时使用',
  },
  badTiming: {
    en: "--timing takes strict or loose, not '{kind}'",
    zh: '--timing 只能是 strict 或 loose，不能是“{kind}”',
  },
  onlyKernel: { en: '--congestion is for --on kernel', zh: '--congestion 只用于 --on kernel' },
  badCongestion: {
    en: "--congestion takes a name, not '{congestion}'",
    zh: '--congestion 后面应为名字，不能是“{congestion}”',
  },
  noneFits: {
    en: 'none of the scripts is made for the address set-ups asked for',
    zh: '没有一个脚本适用于所要求的地址设置',
  },
} as const;
