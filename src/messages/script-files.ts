/** Why a script, or a shell script that it calls, is not read. */
export const scriptFileTexts = {
  tooLong: { en: 'it is longer than {mib} MiB: is it a script?', zh: '它超过 {mib} MiB：这是脚本吗？' },
  notFolder: { en: 'it is not a folder', zh: '它不是文件夹' },
  notRegular: { en: 'it is not a regular file', zh: '它不是普通文件' },
  outside: {
    en: 'it lies outside of {root} (--root FOLDER names another root)',
    zh: '它在 {root} 之外（--root FOLDER 可另设根目录）',
  },
  replaced: { en: 'another file took its place meanwhile', zh: '其间它被另一个文件取代' },
  silent: { en: 'nothing came for {seconds} s', zh: '{seconds} 秒内没有收到任何内容' },
  untrusted: { en: 'files are not read with --untrusted', zh: '使用 --untrusted 时不读取文件' },
  notShell: {
    en: 'it is no shell script: its name does not end in .sh, and it has no #! line',
    zh: '它不是 shell 脚本：名称不以 .sh 结尾，也没有 #! 行',
  },
  ENOENT: { en: 'there is no such file', zh: '没有这个文件' },
  ENOTDIR: { en: 'a part of the path is no folder', zh: '路径中有一部分不是文件夹' },
  EISDIR: { en: 'it is a folder', zh: '它是文件夹' },
  EACCES: { en: 'permission denied', zh: '权限不足' },
  ELOOP: { en: 'its symbolic links lead in a circle', zh: '符号链接循环' },
  ENAMETOOLONG: { en: 'the name is too long', zh: '名称太长' },
  ENXIO: { en: 'it is not a regular file', zh: '它不是普通文件' },
} as const;
