// The public types: what every entry exports, as declared, and which types these name. `node tools/api.mjs` writes what it
// finds to test/package/api.txt, which a test compares: a change of the interface shows in review.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { root } from './setup.mjs';

// The native compiler has no interface in JavaScript; the lab's checker brings the last that has.
const ts = createRequire(join(root, 'apps', 'lab', 'package.json'))('typescript');

const { exports: packageExports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The public entries: name and declarations. */
export const entries = Object.entries(packageExports)
  .filter(([name]) => name !== './package.json')
  .map(([name, to]) => [
    name.replace(/^\./, 'halfopen'),
    join(root, typeof to === 'string' ? to.replace(/\.js$/, '.d.ts') : to.types),
  ]);

const isHidden = (node) =>
  (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private) !== 0 ||
  (node.name !== undefined && ts.isPrivateIdentifier(node.name));

/** A declaration without comments and private members, in one form whatever the compiler's. */
function textOf(declaration, printer) {
  const { transformed } = ts.transform(declaration, [
    (context) => {
      const visit = (node) =>
        ts.isClassElement(node) && isHidden(node) ? undefined : ts.visitEachChild(node, visit, context);
      return (node) => ts.visitNode(node, visit);
    },
  ]);
  return printer.printNode(ts.EmitHint.Unspecified, transformed[0], declaration.getSourceFile());
}

/** The public interface: `text` for people, `hidden` the types that exported ones name and nobody can import. */
export function publicApi() {
  const program = ts.createProgram(
    entries.map(([, file]) => file),
    {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      strict: true,
      types: ['node'],
      skipLibCheck: false,
    },
  );
  const checker = program.getTypeChecker();
  const printer = ts.createPrinter({ removeComments: true });
  const resolve = (symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const exported = new Map();
  for (const [entry, file] of entries)
    for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file))))
      exported.set(resolve(symbol), [...(exported.get(resolve(symbol)) ?? []), `${entry} ${symbol.name}`]);

  const hidden = new Map();
  const ours = join(root, 'dist');
  /** Notes each type of ours that a declaration names. */
  const follow = (node, from) => {
    if (ts.isClassElement(node) && isHidden(node)) return;
    const named = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : ts.isTypeQueryNode(node)
          ? node.exprName
          : undefined;
    if (named !== undefined) {
      const symbol = checker.getSymbolAtLocation(named);
      const target = symbol === undefined ? undefined : resolve(symbol);
      const at = target?.declarations?.[0];
      if (
        at !== undefined &&
        !ts.isTypeParameterDeclaration(at) &&
        at.getSourceFile().fileName.startsWith(ours) &&
        !exported.has(target)
      )
        hidden.set(`${target.name} (${relative(ours, at.getSourceFile().fileName)})`, from);
    }
    ts.forEachChild(node, (child) => follow(child, from));
  };
  const lines = [];
  for (const [symbol, homes] of [...exported].sort(([, a], [, b]) => (a[0] < b[0] ? -1 : 1))) {
    lines.push(`## ${homes.join(', ')}`);
    for (const declaration of symbol.declarations ?? []) {
      lines.push(textOf(declaration, printer));
      follow(declaration, homes[0]);
    }
    lines.push('');
  }
  const homes = [...exported.values()].filter((all) => all.length > 1);
  return {
    text: lines.join('\n'),
    hidden: [...hidden].map(([name, from]) => `${name}, of ${from}`).sort(),
    homes,
  };
}

if (process.argv[1] === import.meta.filename) {
  const { text, hidden, homes } = publicApi();
  writeFileSync(join(root, 'test', 'package', 'api.txt'), text);
  for (const line of hidden) console.log(`cannot be imported: ${line}`);
  for (const all of homes) console.log(`more than one home: ${all.join(', ')}`);
}
