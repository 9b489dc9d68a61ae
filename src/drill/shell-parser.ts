/** The part of the shell's language that scripts use: lists, pipes, redirections, if, quotes, variables, $((...)), $(...). */

/** A piece of a word; what is quoted is never split at blanks. */
type WordPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'arithmetic'; readonly text: string }
  | { readonly kind: 'substitution'; readonly text: string };

export type Word = readonly WordPart[];

export interface Redirection {
  /** Which stream: 1, 2, or both. */
  readonly from: 1 | 2 | 'both';
  /** A file, or stream 1 for `2>&1`. */
  readonly to: Word | 1 | 2;
  readonly append: boolean;
}

export interface SimpleCommand {
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
}

/** Commands joined by pipes, and when to run them: always, or by the status of what came before. */
export interface Pipeline {
  readonly after: ';' | '&&' | '||';
  readonly negated: boolean;
  readonly commands: readonly SimpleCommand[];
  /** In place of commands: `if`. */
  readonly choice?: Choice;
}

/** `if`, with `elif`: each a condition and what is run if it ends with 0, the first that does; else `otherwise`. */
export interface Choice {
  readonly branches: readonly {
    readonly condition: readonly Pipeline[];
    readonly body: readonly Pipeline[];
  }[];
  readonly otherwise: readonly Pipeline[];
}

/** `if` within `if`, at most. */
const deepest = 50;

/** A shell text that is beyond what is understood here. */
export class ShellError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ShellError';
  }
}

const keywords: ReadonlySet<string> = new Set(
  'if then else elif fi for while until do done case esac function { }'.split(' '),
);

/** @throws ShellError */
export function parseShell(text: string): Pipeline[] {
  return new Parser(text.replace(/\\\r?\n/g, ' ').replace(/\\\s*$/, '')).list();
}

class Parser {
  private readonly text: string;
  private at = 0;
  private depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** @param until words that end the list, which are left where they are; without any it ends with the text */
  list(until: readonly string[] = []): Pipeline[] {
    const result: Pipeline[] = [];
    let after: Pipeline['after'] = ';';
    for (;;) {
      this.blanks(true);
      while (this.take(';')) this.blanks(true);
      if (this.at >= this.text.length) {
        if (until.length > 0) throw new ShellError(`an if without ${until.at(-1)}`);
        return result;
      }
      if (until.includes(this.keyword() ?? '')) return result;
      result.push(this.keyword() === 'if' ? this.choice(after) : this.pipeline(after));
      this.blanks(false);
      if (this.take('&&')) after = '&&';
      else if (this.take('||')) after = '||';
      else if (this.take('&')) throw new ShellError('commands in the background (&) are not understood here');
      else after = ';';
    }
  }

  /** The word that stands here, if it is one that the shell keeps for itself. */
  private keyword(): string | null {
    const word = /^[a-z]+(?=[\s;]|$)/.exec(this.text.slice(this.at, this.at + 8))?.[0];
    return word !== undefined && keywords.has(word) ? word : null;
  }

  private choice(after: Pipeline['after']): Pipeline {
    if (++this.depth > deepest) throw new ShellError(`if within if is understood ${deepest} deep`);
    const branches: Choice['branches'][number][] = [];
    let otherwise: Pipeline[] = [];
    this.take('if');
    for (let next = 'elif'; next === 'elif'; ) {
      const condition = this.list(['then']);
      this.take('then');
      const body = this.list(['elif', 'else', 'fi']);
      branches.push({ condition, body });
      next = this.keyword()!;
      this.take(next);
      if (next !== 'else') continue;
      otherwise = this.list(['fi']);
      this.take('fi');
    }
    this.depth--;
    return { after, negated: false, commands: [], choice: { branches, otherwise } };
  }

  private pipeline(after: Pipeline['after']): Pipeline {
    const negated = this.take('! ');
    const commands: SimpleCommand[] = [];
    do {
      this.blanks(commands.length > 0);
      commands.push(this.simple());
      this.blanks(false);
    } while (!this.text.startsWith('||', this.at) && this.take('|'));
    return { after, negated, commands };
  }

  private simple(): SimpleCommand {
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      this.blanks(false);
      const redirection = this.redirection();
      if (redirection !== null) redirections.push(redirection);
      else if (this.at >= this.text.length || '\n;|&'.includes(this.text[this.at]!)) break;
      else words.push(this.word());
    }
    const first = words[0]?.[0];
    if (first?.kind === 'text' && words[0]!.length === 1 && keywords.has(first.text)) {
      throw new ShellError(`'${first.text}' is more shell than this runner understands`);
    }
    if (words.length === 0 && redirections.length === 0) {
      throw new ShellError(`unexpected '${this.text[this.at] ?? 'end'}' in a command`);
    }
    return { words, redirections };
  }

  private redirection(): Redirection | null {
    const match = /^(?:(&)>|([12])?>)(>)?(?:&([12]))?/.exec(this.text.slice(this.at));
    if (match === null) {
      if (this.text[this.at] === '<') throw new ShellError('input redirection (<) is not understood here');
      return null;
    }
    this.at += match[0].length;
    const from = match[1] !== undefined ? 'both' : match[2] === '2' ? 2 : 1;
    const append = match[3] !== undefined;
    if (match[4] !== undefined) return { from, to: match[4] === '1' ? 1 : 2, append };
    this.blanks(false);
    return { from, to: this.word(), append };
  }

  private word(): Word {
    const parts: WordPart[] = [];
    const text = (more: string): void => {
      const last = parts.at(-1);
      if (last?.kind === 'text') parts[parts.length - 1] = { kind: 'text', text: last.text + more };
      else parts.push({ kind: 'text', text: more });
    };
    while (this.at < this.text.length) {
      const char = this.text[this.at]!;
      if (' \t\r\n;|&<>'.includes(char)) break;
      if (char === '(' || char === ')')
        throw new ShellError(`'${char}' is more shell than this runner understands`);
      this.at++;
      if (char === "'") text(this.until("'"));
      else if (char === '"') this.doubleQuoted(parts, text);
      else if (char === '\\') text(this.text[this.at++] ?? '');
      else if (char === '$') parts.push(this.expansion());
      else if (char === '`') parts.push({ kind: 'substitution', text: this.until('`') });
      else text(char);
    }
    return parts;
  }

  private doubleQuoted(parts: WordPart[], text: (more: string) => void): void {
    text('');
    for (;;) {
      const char = this.text[this.at++];
      if (char === undefined) throw new ShellError('a double quote is never closed');
      if (char === '"') return;
      if (char === '$') parts.push(this.expansion());
      else if (char === '\\' && '"\\$`'.includes(this.text[this.at] ?? ' ')) text(this.text[this.at++]!);
      else text(char);
    }
  }

  private until(mark: string): string {
    const end = this.text.indexOf(mark, this.at);
    if (end < 0) throw new ShellError(`a ${mark} is never closed`);
    const inside = this.text.slice(this.at, end);
    this.at = end + mark.length;
    return inside;
  }

  /** After a `$`. */
  private expansion(): WordPart {
    if (this.take('((')) return { kind: 'arithmetic', text: this.until('))') };
    if (this.take('(')) {
      const start = this.at;
      for (let depth = 1; depth > 0; this.at++) {
        const char = this.text[this.at];
        if (char === undefined) throw new ShellError('a $( is never closed');
        if (char === '(') depth++;
        if (char === ')') depth--;
      }
      return { kind: 'substitution', text: this.text.slice(start, this.at - 1) };
    }
    if (this.take('{')) {
      const name = this.until('}');
      if (!/^\w+$/.test(name)) throw new ShellError(`\${${name}} is more shell than this runner understands`);
      return { kind: 'variable', name };
    }
    const name = /^(?:[A-Za-z_]\w*|[0-9?$#@*])/.exec(this.text.slice(this.at))?.[0];
    if (name === undefined) return { kind: 'text', text: '$' };
    this.at += name.length;
    return { kind: 'variable', name };
  }

  private take(mark: string): boolean {
    if (!this.text.startsWith(mark, this.at)) return false;
    this.at += mark.length;
    return true;
  }

  private blanks(newlines: boolean): void {
    const pattern = newlines ? /(?:[ \t\r\n]+|#[^\n]*)*/y : /[ \t\r]*(?:(?<![^\s;])#[^\n]*)?/y;
    pattern.lastIndex = this.at;
    this.at += pattern.exec(this.text)![0].length;
  }
}
