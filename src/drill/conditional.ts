/**
 * Parts of a script that are meant for one system or another, as suites for several have them: `#ifdef NAME`, `#ifndef NAME`,
 * `#else`, `#endif`, each on a line of its own. `Linux` is always defined, and so is what `-D` names.
 */
import { DrillError } from './failure.ts';

const directive = /^#[ \t]*(ifdef|ifndef|else|endif)\b[ \t]*(\w*).*$/;

/**
 * The script with blanks in place of what is not meant, so that every offset stays what it was.
 * @throws DrillError of kind parse for conditions that do not belong together
 */
export function chosenText(text: string, defines: ReadonlyMap<string, string>): string {
  if (!/^#[ \t]*if/m.test(text)) return text;
  const open: { taken: boolean; readonly at: number }[] = [];
  let at = 0;
  const lines = text.split('\n').map((line) => {
    const start = at;
    at += line.length + 1;
    const [, what, name = ''] = directive.exec(line) ?? [];
    if (what === undefined) return open.every(({ taken }) => taken) ? line : ' '.repeat(line.length);
    if (what === 'ifdef' || what === 'ifndef') {
      const defined = name === 'Linux' || defines.has(name);
      open.push({ taken: defined === (what === 'ifdef'), at: start });
    } else {
      const last = open.at(-1);
      if (last === undefined)
        throw new DrillError('parse', `parse error at '#${what}': there is no #ifdef before it`, start);
      if (what === 'endif') open.pop();
      else last.taken = !last.taken;
    }
    return ' '.repeat(line.length);
  });
  const left = open.at(-1);
  if (left !== undefined)
    throw new DrillError('parse', "parse error at '#ifdef': there is no #endif for it", left.at);
  return lines.join('\n');
}
