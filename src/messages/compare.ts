/** What `halfopen compare` says. */
export const compareTexts = {
  help: {
    en: `Usage: halfopen compare --random N [OPTION]...

Does the same to this machine's kernel and to the built-in stack, and shows where they differ: packet by packet and field by
field (TTL, TOS, DF, IP id and flow label included), call by call (results, errno, poll bits), TCP_INFO where it is looked at.
The kernel is asked first, in network
namespaces of their own; nothing of this machine changes.

  --random N        play N random scenarios
  --seed S          seed of the random scenarios (default 1)
  --about LIST      what they are about: {subjects} (default all)
  --only LIST       only the scenarios with these numbers, each shown in full
  --runs N          ask the kernel N times; scenarios on which its runs differ do not count (default 1; any that differs
                    from the built-in stack is asked three times)
  --congestion NAME congestion control on both (default cubic)
  --write FOLDER    write a script for each kind of difference, shrunk, with the kernel's answers
  --at-a-time N     scenarios at a time on the kernel (default 100)
  --json            one JSON object a line
Exit: 0 no difference but known ones, 1 there are others, 2 it cannot be compared here, or wrong usage.

Examples:
  halfopen compare --random 500 --about handshake,close
  halfopen compare --random 1 --seed 1 --only 42
`,
    zh: `用法：halfopen compare --random N [选项]...

对本机内核和内置协议栈做同样的事，指出两者的不同：逐包逐字段（包括 TTL、TOS、DF、IP 标识和流标签），逐次系统调用
（返回值、errno、poll 位），以及查看时刻的 TCP_INFO。先问内核，
在独立的网络命名空间中进行，不改动本机任何设置。

  --random N        随机生成 N 个场景
  --seed S          随机场景的种子（默认 1）
  --about LIST      场景的主题：{subjects}（默认 all）
  --only LIST       只运行这些编号的场景，并完整显示
  --runs N          问内核 N 次；几次结果不一致的场景不计（默认 1；与内置协议栈不同的总会问三次）
  --congestion NAME 两边的拥塞控制算法（默认 cubic）
  --write 目录      为每一类不同写一个缩减后的脚本，其中是内核的回答
  --at-a-time N     内核上同时运行的场景数（默认 100）
  --json            每行一个 JSON 对象
退出码：0 除已知之外没有不同，1 有其他不同，2 无法在此比较或用法错误。

示例：
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
  kernelHas: { en: '  kernel:   {text}', zh: '  内核：{text}' },
  oursHas: { en: '  halfopen: {text}', zh: '  本项目：{text}' },
  all: { en: 'all', zh: '合计' },
  cannotPlay: { en: '{file}: cannot be compared: {why}', zh: '{file}：无法比较：{why}' },
} as const;
