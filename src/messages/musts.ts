/** What `halfopen musts` says. */
export const mustsTexts = {
  help: {
    en: `Usage: halfopen musts [OPTION]... [PATH]...

Runs the scripts of RFC 9293's requirements on opening, resetting and closing connections (scripts/rfc9293, or those under PATH)
and prints who fulfils what, with the reason for each no.

  --on SYSTEM        what to run them on, as for halfopen run (default built-in); several of them make several columns.
                     NAME=SYSTEM names the column
  --most-seconds N   leave out scripts that would keep a stack in real time (the kernel) longer than this (default 240)
  --jobs N           run N scripts at a time on each (default 4)
  --markdown         a table for a document
  --json             one JSON object a script
  --lang en|zh       language of the table (else that of LC_ALL or LANG)
  --help

Exit: 0 everything is fulfilled, 1 something is not, 2 wrong usage.

Examples:
  halfopen musts
  halfopen musts --on built-in --on mine=exec:./my-stack --markdown
`,
    zh: `用法：halfopen musts [选项]... [路径]...

运行 RFC 9293 中关于打开、复位和关闭连接的要求的脚本（scripts/rfc9293，或指定路径下的脚本），
列出谁满足哪条要求，并写明不满足的原因。

  --on 系统          在什么上运行，写法同 halfopen run（默认 built-in）；写几个就有几列。
                     用 名称=系统 给一列取名
  --most-seconds N   不运行会让实时协议栈（内核）占用超过 N 秒的脚本（默认 240）
  --jobs N           每个系统上同时运行 N 个脚本（默认 4）
  --markdown         输出可放进文档的表格
  --json             每个脚本输出一个 JSON 对象
  --lang en|zh       表格的语言（不指定时取 LC_ALL 或 LANG）
  --help

退出码：0 全部满足，1 有不满足的，2 用法错误。

示例：
  halfopen musts
  halfopen musts --on built-in --on mine=exec:./my-stack --markdown
`,
  },
  requirement: { en: 'requirement', zh: '要求' },
  script: { en: 'script', zh: '脚本' },
  yes: { en: 'yes', zh: '是' },
  no: { en: 'no', zh: '否' },
  counted: { en: '{name}: {yes} of {all} fulfilled', zh: '{name}：{all} 条中满足 {yes} 条' },
  countedLeft: {
    en: '{name}: {yes} of {all} fulfilled, {left} could not run',
    zh: '{name}：{all} 条中满足 {yes} 条，{left} 条无法运行',
  },
  whyNot: { en: 'Why not:', zh: '原因：' },
  atLine: { en: 'line {line}: {message}', zh: '第 {line} 行：{message}' },
  tooLong: { en: 'takes {seconds} s of real time', zh: '需要 {seconds} 秒真实时间' },
  badNumber: {
    en: "{option} takes a number from {min} to {max}, not '{text}'",
    zh: '{option} 的值应为 {min} 到 {max} 的数，不能是“{text}”',
  },
  oneForm: { en: '--markdown and --json exclude each other', zh: '--markdown 和 --json 不能同时使用' },
  noName: {
    en: '{file}: its first line names no requirement, as // RFC 9293 MUST-10, section 3.5: what ... does',
    zh: '{file}：第一行没有写明要求，应写成 // RFC 9293 MUST-10, section 3.5: 内容',
  },
} as const;
