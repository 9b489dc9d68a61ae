/** Circles of imports among the sources, type imports included. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/**
 * The circles among the files of a folder: each is the sorted names of files that all reach one another.
 * @param folder its *.ts files are looked at, tests beside them left out
 */
export function importCircles(folder: string): string[][] {
  const names = (readdirSync(folder, { recursive: true, encoding: 'utf8' }) as string[])
    .map((name) => name.split(sep).join('/'))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const known = new Set(names);
  const imports = new Map(
    names.map((name) => [name, importsOf(name, readFileSync(join(folder, name), 'utf8'), known)]),
  );
  return connected(imports)
    .map((circle) => circle.sort())
    .filter((circle) => circle.length > 1)
    .sort((a, b) => (a.join() < b.join() ? -1 : 1));
}

const importsOf = (name: string, text: string, known: ReadonlySet<string>): string[] =>
  [...text.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)]
    .map((match) => join(dirname(name), match[1]!).split(sep).join('/'))
    .filter((target) => known.has(target));

/** The strongly connected parts of a graph (Tarjan). */
export function connected(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const parts: string[][] = [];
  const visit = (node: string): void => {
    index.set(node, index.size);
    low.set(node, index.get(node)!);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) {
        visit(next);
        low.set(node, Math.min(low.get(node)!, low.get(next)!));
      } else if (stack.includes(next)) low.set(node, Math.min(low.get(node)!, index.get(next)!));
    }
    if (low.get(node) === index.get(node)) parts.push(stack.splice(stack.indexOf(node)));
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return parts;
}
