/** Texts that several commands share. */

export const common = {
  usage: { en: 'Usage:', zh: '用法：' },
  badLanguage: {
    en: "--lang must be en or zh, not '{name}'",
    zh: '--lang 只能是 en 或 zh，不能是“{name}”',
  },
  languageMissing: { en: '--lang needs a language: en or zh', zh: '--lang 后面要写语言：en 或 zh' },
  unknownOption: { en: "there is no option '{option}'", zh: '没有选项“{option}”' },
  optionNeedsValue: { en: "option '{option}' needs a value", zh: '选项“{option}”需要一个值' },
  optionTakesNone: { en: "option '{option}' takes no value", zh: '选项“{option}”不带值' },
  unexpected: { en: "unexpected argument '{argument}'", zh: '多余的参数“{argument}”' },
  seeHelp: { en: '--help says what there is', zh: '用法见 --help' },
} as const;
