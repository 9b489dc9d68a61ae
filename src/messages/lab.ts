/** What `halfopen lab` says on the terminal and to browsers. */
export const labTexts = {
  help: {
    en: `Usage: halfopen lab [OPTION]...

Serves the lab, a page on which to watch connections being opened and to break them, on
127.0.0.1 until it is interrupted. The page needs no other host.

Options:
  --port N       the port; any free one if not given
  --live         run the commands of each topic on this kernel, in a network namespace of their own
  --lang en|zh   language (else that of LC_ALL or LANG)
  --help         this text

Examples:
  halfopen lab
  halfopen lab --port 8088
`,
    zh: `用法：halfopen lab [选项]...

在 127.0.0.1 上提供实验室页面，直到被中断。在页面上可以观察连接如何建立，也可以动手破坏。
页面不需要任何其他主机。

选项：
  --port N       端口；不指定则任选一个空闲的
  --live         在本机内核上运行各主题的命令，使用独立的网络命名空间
  --lang en|zh   语言（不指定时取 LC_ALL 或 LANG）
  --help         显示本说明

示例：
  halfopen lab
  halfopen lab --port 8088
`,
  },
  onlyGet: { en: 'only GET and HEAD are served here', zh: '这里只接受 GET 与 HEAD' },
  noPage: { en: 'there is no such page', zh: '没有这个页面' },
  unreadable: { en: 'the file cannot be read', zh: '文件无法读取' },
  otherHost: {
    en: 'this page answers to 127.0.0.1 and localhost only',
    zh: '此页面只应答 127.0.0.1 与 localhost',
  },
  noToken: {
    en: 'open the address that halfopen lab --live printed',
    zh: '请打开 halfopen lab --live 打印的地址',
  },
  badPort: {
    en: "--port must be a number from 0 to 65535, not '{text}'",
    zh: '--port 应为 0 到 65535 的数字，不能是“{text}”',
  },
  notBuilt: {
    en: "the page is not built; in a clone, 'npm run lab' builds and serves it",
    zh: '页面还没有构建；在克隆的仓库里用 npm run lab 构建并打开',
  },
  portInUse: {
    en: 'port {port} is in use: choose another with --port',
    zh: '端口 {port} 已被占用：请用 --port 换一个',
  },
} as const;
