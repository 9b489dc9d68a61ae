/** What `halfopen compare` says. */
export const compareTexts = {
  help: {
    en: `Usage: halfopen compare PATH... [OPTION]...
       halfopen compare --random N [OPTION]...

Does the same to two systems, this machine's kernel and the built-in stack if no others are named, and shows where they
differ: packet by packet and field by field (TTL, TOS, DF, IP id and flow label included), call by call (results, errno,
poll bits), TCP_INFO where it is looked at. PATHs are packetdrill scripts and folders of them; only what they do counts
(inbound packets, calls, commands, times), not what they expect, so that scripts for other systems serve as well. The first
system is asked first; the kernel in network namespaces of their own, and nothing of this machine changes.

  --random N        play N random scenarios
  --seed S          seed of the random scenarios (default 1)
  --about LIST      what they are about: {subjects} (default all)
  --only LIST       only the scenarios with these numbers, each shown in full
  --ip LIST         of scripts: ipv4, ipv6, mapped, with commas between (default ipv4, or what a script is made for)
  --between A,B     the two systems, each one of: kernel, halfopen, exec:COMMAND (a stack that speaks the protocol of
                    docs/foreign-stacks.md), recorded:FILE (default kernel,halfopen)
  --record FILE     write what the first system did, to be compared elsewhere: --between recorded:FILE,kernel
  --list FILE       write a line for each script: whether it can be compared or why not, before anything is compared
  --from FOLDER     where commands of scripts run (default the folder of each script)
  --root FOLDER     below which the built-in stack may read the files that such commands run (default as for run)
  --longest S       leave out scripts that take more than S seconds (default 100)
  --runs N          ask the kernel N times; scenarios on which its runs differ do not count (default 1; any that differs
                    is asked three times)
  --congestion NAME congestion control on both (default cubic)
  --write FOLDER    write a script for each kind of difference, shrunk, with the first system's answers
  --at-a-time N     scenarios at a time on the kernel (default 100; scripts 40)
  --json            one JSON object a line
Exit: 0 no difference but known ones, 1 there are others, 2 it cannot be compared here, or wrong usage.

Examples:
  halfopen compare scripts/
  halfopen compare --between kernel,exec:./lwip-stack scripts/rfc9293
  halfopen compare --random 500 --about handshake,close
  halfopen compare --random 1 --seed 1 --only 42
`,
    zh: `用法：halfopen compare 路径... [选项]...
      halfopen compare --random N [选项]...

对两个系统（未指定时为本机内核和内置协议栈）做同样的事，指出两者的不同：逐包逐字段（包括 TTL、TOS、DF、IP 标识和流标签），
逐次系统调用（返回值、errno、poll 位），以及查看时刻的 TCP_INFO。路径是 packetdrill 脚本或其目录；只取脚本所做的事
（入站报文、系统调用、命令、时间），不取它的预期，因此为其他系统写的脚本同样可用。先问第一个系统；内核在独立的网络命名空间中运行，
不改动本机任何设置。

  --random N        随机生成 N 个场景
  --seed S          随机场景的种子（默认 1）
  --about LIST      场景的主题：{subjects}（默认 all）
  --only LIST       只运行这些编号的场景，并完整显示
  --ip LIST         脚本用的地址：ipv4、ipv6、mapped，以逗号分隔（默认 ipv4，或脚本自身的要求）
  --between A,B     两个系统，各为以下之一：kernel、halfopen、exec:命令（按 docs/foreign-stacks.md 的协议对话的协议栈）、
                    recorded:文件（默认 kernel,halfopen）
  --record 文件     写下第一个系统所做的事，以便在别处比较：--between recorded:文件,kernel
  --list 文件       为每个脚本写一行：能否比较，为什么不能；在比较之前写出
  --from 目录       脚本中的命令在哪个目录运行（默认为各脚本所在目录）
  --root 目录       内置协议栈只可读取该目录下的、命令所运行的文件（默认与 run 相同）
  --longest S       略去耗时超过 S 秒的脚本（默认 100）
  --runs N          问内核 N 次；几次结果不一致的场景不计（默认 1；有不同的总会问三次）
  --congestion NAME 两边的拥塞控制算法（默认 cubic）
  --write 目录      为每一类不同写一个缩减后的脚本，其中是第一个系统的回答
  --at-a-time N     内核上同时运行的场景数（默认 100；脚本为 40）
  --json            每行一个 JSON 对象
退出码：0 除已知之外没有不同，1 有其他不同，2 无法在此比较或用法错误。

示例：
  halfopen compare scripts/
  halfopen compare --between kernel,exec:./lwip-stack scripts/rfc9293
  halfopen compare --random 500 --about handshake,close
  halfopen compare --random 1 --seed 1 --only 42
`,
  },
  nothing: {
    en: 'give scripts or folders, or --random N; --help says more',
    zh: '请给出脚本或目录，或者用 --random N；详见 --help',
  },
  both: { en: 'scripts and --random exclude each other', zh: '脚本与 --random 不能同时使用' },
  number: {
    en: "{option} takes a number from {least} to {most}, not '{value}'",
    zh: '{option} 需要 {least} 到 {most} 之间的数字，而不是“{value}”',
  },
  subject: {
    en: "--about takes {subjects}, not '{value}'",
    zh: '--about 可取 {subjects}，而不是“{value}”',
  },
  ip: {
    en: "--ip takes ipv4, ipv6 and mapped, not '{value}'",
    zh: '--ip 可取 ipv4、ipv6 和 mapped，而不是“{value}”',
  },
  progress: {
    en: '{done} of {total} scenarios compared, {differ} differ',
    zh: '已比较 {total} 个场景中的 {done} 个，{differ} 个不同',
  },
  agreement: {
    en: '{name}: {agree} of {counted} agree ({share} %){dropped}',
    zh: '{name}：{counted} 个中 {agree} 个一致（{share} %）{dropped}',
  },
  dropped: {
    en: '; {unstable} on which the kernel does not agree with itself and {racing} too near a timer do not count',
    zh: '；内核自身不一致的 {unstable} 个和过于接近定时器的 {racing} 个不计',
  },
  group: { en: '{count} × {signature} (such as {example})', zh: '{count} × {signature}（例如 {example}）' },
  known: { en: '  known: {why}', zh: '  已知：{why}' },
  has: { en: '  {system}: {text}', zh: '  {system}：{text}' },
  all: { en: 'all', zh: '合计' },
  between: {
    en: "--between takes two of kernel, halfopen, exec:COMMAND and recorded:FILE with a comma between, not '{value}'",
    zh: '--between 需要 kernel、halfopen、exec:命令、recorded:文件 中的两个，以逗号分隔，而不是“{value}”',
  },
  noRecord: {
    en: '{file} is no record of `halfopen compare --record`: {why}',
    zh: '{file} 不是 `halfopen compare --record` 的记录：{why}',
  },
  notRecorded: { en: 'not in the record', zh: '记录中没有' },
  leftOut: {
    en: '{count} scripts cannot be compared: {why} (such as {example})',
    zh: '{count} 个脚本无法比较：{why}（例如 {example}）',
  },
  scripts: {
    en: '{given} scripts, {parsed} parse and {played} can be done to {system}; {reach} of these reach a SYN, a RST or a FIN, of which {agree} of {counted} agree ({share} %)',
    zh: '{given} 个脚本，其中 {parsed} 个可解析，{played} 个可在 {system} 上进行；这些之中 {reach} 个涉及 SYN、RST 或 FIN，其中 {counted} 个中 {agree} 个一致（{share} %）',
  },
  withoutCommands: {
    en: '{count} commands were left out, since only other systems have them (such as {example})',
    zh: '略去了 {count} 条只有其他系统才有的命令（例如 {example}）',
  },
  noneComparable: { en: 'none of the scripts can be compared', zh: '没有可以比较的脚本' },
  tunnel: { en: 'packets in {value} are none of a connection here', zh: '其中有 {value} 封装的报文' },
  udp: { en: 'it has UDP packets', zh: '其中有 UDP 报文' },
  noConnection: {
    en: 'a packet before there is any connection that it could belong to',
    zh: '其中有报文出现在任何连接之前',
  },
  tooManySteps: { en: 'more than {value} stimuli', zh: '动作多于 {value} 个' },
  tooLong: { en: 'it takes more than {seconds} s (--longest)', zh: '耗时超过 {seconds} 秒（--longest）' },
  cannotDo: { en: '{system} cannot do it: {why}', zh: '{system} 无法执行：{why}' },
} as const;
