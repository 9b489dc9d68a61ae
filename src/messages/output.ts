/** Why something could not be written, by the system's error. */
export const outputTexts = {
  cannotWrite: { en: 'cannot write {name}: {reason}', zh: '无法写入 {name}：{reason}' },
  standardOutput: { en: 'standard output', zh: '标准输出' },
  danglingLink: {
    en: 'it is a symbolic link to a file that does not exist',
    zh: '它是符号链接，所指的文件不存在',
  },
  replaced: { en: 'another file took its place meanwhile', zh: '其间它被另一个文件取代' },
  ENOSPC: { en: 'the disk is full', zh: '磁盘已满' },
  EDQUOT: { en: 'the disk quota is used up', zh: '磁盘配额已用完' },
  EFBIG: { en: 'it would be larger than files may be here', zh: '文件大小会超出此处的上限' },
  EROFS: { en: 'the file system is read-only', zh: '文件系统是只读的' },
  EACCES: { en: 'permission denied', zh: '权限不足' },
  EPERM: { en: 'the system does not permit it', zh: '系统不允许' },
  ENOENT: { en: 'there is no such folder', zh: '没有这个文件夹' },
  ENOTDIR: { en: 'a part of the path is not a folder', zh: '路径中有一部分不是文件夹' },
  EISDIR: { en: 'it is a folder', zh: '它是文件夹' },
  ENAMETOOLONG: { en: 'the name is too long', zh: '名称太长' },
  ELOOP: { en: 'its symbolic links lead in a circle', zh: '符号链接循环' },
  EIO: { en: 'the device reports an error', zh: '设备报告错误' },
  EMFILE: { en: 'too many files are open', zh: '打开的文件太多' },
  ETXTBSY: { en: 'it is a program that is running', zh: '它是正在运行的程序' },
  ENXIO: {
    en: 'nobody reads this pipe, or the device is not there',
    zh: '没有程序读取这个管道，或设备不存在',
  },
} as const;
