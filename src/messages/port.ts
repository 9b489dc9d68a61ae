/** What `halfopen port` says. */
export const portTexts = {
  help: {
    en: `Usage: halfopen port [NAME=KIND]... -- COMMAND [ARGUMENT]...

Runs a command with ports for tests: the number of each is in the environment variable NAME, and takes the place of {slot}
in the arguments. Until the command ends nobody else of this kind, and no connect(), takes them. Without any: PORT=free.

  KIND  free       for a server of the command's; nothing listens on it yet
        refusing   every connect is refused, and never connected to itself
        silent     no connect is ever answered: it times out
        stalling   every connect succeeds, and nothing ever comes back

  --lang en|zh     language of the sentences (else that of LC_ALL or LANG)
  --help

Exit: that of the command; 128 and the signal's number if one ended it; 2 wrong usage; 127 the command cannot be run.

Examples:
  halfopen port -- npm test
  halfopen port DEAD=refusing SLOW=silent -- npx vitest run
  halfopen port WEB=free -- node server.js --port {web}
`,
    zh: `用法：halfopen port [名称=种类]... -- 命令 [参数]...

带着测试用的端口运行一条命令：每个端口号放在同名的环境变量里，参数中的 {slot} 也会换成它。命令结束之前，这些端口不会被
其他同类进程占用，也不会被任何 connect() 选中。一个也不写时为 PORT=free。

  种类  free       留给命令自己的服务器，此时无人监听
        refusing   每次连接都被拒绝，绝不会连上自己
        silent     永不应答，连接必定超时
        stalling   总能连上，但永远等不到数据

  --lang en|zh     文字的语言（不指定时取 LC_ALL 或 LANG）
  --help

退出码：与命令相同；被信号结束时为 128 加信号编号；2 用法错误；127 命令无法运行。

例：
  halfopen port -- npm test
  halfopen port DEAD=refusing SLOW=silent -- npx vitest run
  halfopen port WEB=free -- node server.js --port {web}
`,
  },
  noCommand: { en: 'there is no command after --', zh: '-- 后面没有命令' },
  badPort: {
    en: "'{argument}' is not NAME=KIND; KIND is free, refusing, silent or stalling",
    zh: '“{argument}”不是 名称=种类；种类有 free、refusing、silent、stalling',
  },
  twice: { en: 'the name {name} is used twice', zh: '名称 {name} 用了两次' },
  cannotRun: { en: "'{command}' cannot be run: {why}", zh: '无法运行“{command}”：{why}' },
} as const;
