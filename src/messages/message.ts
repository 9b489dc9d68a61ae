/**
 * Texts for users in English and Chinese. A command's texts are one file of this folder: entries with a key, each with
 * one value per language. Nothing here touches the machine, so pages use it too.
 */

export type Language = 'en' | 'zh';

/** The same text in both languages. `{name}` in it stands for a value. */
export interface Words {
  readonly en: string;
  readonly zh: string;
}

/** A file of texts: `export const texts = { key: { en: '…', zh: '…' } } as const`. */
type Catalogue = Readonly<Record<string, Words>>;

/** The names in braces of a text, as a type. */
type Blanks<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Blanks<Rest>
  : never;

/** What a text takes: nothing, or an object with a value for each of its blanks. */
type Values<Text extends string> = [Blanks<Text>] extends [never]
  ? []
  : [values: Readonly<Record<Blanks<Text>, string | number>>];

/** Both languages of every entry must have the same blanks; one that differs fails to compile. */
type SameBlanks<C> = {
  readonly [K in keyof C]: C[K] extends {
    readonly en: infer En extends string;
    readonly zh: infer Zh extends string;
  }
    ? [Blanks<En>, Blanks<Zh>] extends [Blanks<Zh>, Blanks<En>]
      ? C[K]
      : { readonly en: En; readonly zh: 'the blanks of zh and en differ' }
    : Words;
};

/** Says an entry of a catalogue in one language: `say('written', { file })`. */
export type Say<C extends Catalogue> = <K extends keyof C & string>(
  key: K,
  ...values: Values<C[K]['en']>
) => string;

/** Fills the blanks of a text. A brace that is no blank of `values` stays as it is. */
export function fill(text: string, values: Readonly<Record<string, string | number>> = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  );
}

/** The voice of one language for one catalogue. A key or a blank that the catalogue does not have fails to compile. */
export function speaker<const C extends Catalogue>(entries: C & SameBlanks<C>, language: Language): Say<C> {
  const texts: C = entries;
  return (key, ...values) => fill(texts[key]![language], values[0]);
}

export const languages: readonly Language[] = ['en', 'zh'];

/** The language that a name of one means (`zh`, `zh_CN.UTF-8`, `en-GB`), or null if it is neither. */
export function languageNamed(name: string): Language | null {
  const found = /^(en|zh)(?:[-_.@]|$)/i.exec(name);
  return found === null ? null : (found[1]!.toLowerCase() as Language);
}
