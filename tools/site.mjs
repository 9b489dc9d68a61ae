// npm run site: the API reference of every entry, the documentation and the lab as one folder of static pages, .cache/pages,
// which can be searched without a network. Every link between them is checked. [FOLDER] puts it elsewhere.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { folderOf, install as installKit } from './heavy.mjs';
import { buildLab } from './lab.mjs';
import { build, install, root, run } from './setup.mjs';

const site = resolve(process.env.INIT_CWD ?? '.', process.argv[2] ?? join(root, '.cache', 'pages'));

install();
if (!installKit('site')) process.exit(1);
await build();
buildLab();
// A folder of something else is not swept away.
const mark = join(site, 'halfopen-site');
if (existsSync(site) && readdirSync(site).length > 0 && !existsSync(mark)) {
  console.error(`${site} is not empty and holds no site of ours: name another folder`);
  process.exit(2);
}
rmSync(site, { recursive: true, force: true });
mkdirSync(site, { recursive: true });
writeFileSync(mark, '');

const kit = createRequire(join(folderOf('site'), 'kit.js'));
const { version, exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The reference: TypeDoc reads the declarations as they are published. */
function reference() {
  const work = join(root, '.cache', 'site-types');
  rmSync(work, { recursive: true, force: true });
  // Each entry has the name under which it is imported.
  const names = Object.keys(entries).filter((name) => name !== './package.json');
  const points = names.map((name) => {
    const to = entries[name];
    return join(root, typeof to === 'string' ? to.replace(/\.js$/, '.d.ts') : to.types);
  });
  mkdirSync(work, { recursive: true });
  writeFileSync(
    join(work, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2023',
        types: ['node'],
        typeRoots: [join(root, 'node_modules', '@types')],
      },
      files: points,
    }),
  );
  const options = {
    entryPoints: points,
    tsconfig: join(work, 'tsconfig.json'),
    out: join(site, 'api'),
    name: `halfopen ${version}`,
    readme: 'none',
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    hideGenerator: true,
    searchInComments: true,
    displayBasePath: join(root, 'dist'),
    basePath: join(root, 'dist'),
    logLevel: 'Warn',
    validation: { notExported: true, invalidLink: true, notDocumented: false },
  };
  writeFileSync(join(work, 'typedoc.json'), JSON.stringify(options));
  run(process.execPath, [
    join(folderOf('site'), 'typedoc', 'bin', 'typedoc'),
    '--options',
    join(work, 'typedoc.json'),
  ]);
}

/** All pages of the documentation, by their paths in the project. */
const pages = [
  'README.md',
  'README.zh.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CODE_OF_CONDUCT.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].filter((name) => existsSync(join(root, name)));

const escaped = (text) =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

/** The anchor of a heading, as the forges make it. */
const anchorOf = (text) =>
  text
    .trim()
    .toLowerCase()
    .replace(/<[^>]*>|[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replace(/\s/g, '-');

const style = `body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:52rem;padding:0 1rem 4rem;color:#1b1b1b;background:#fff}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1rem;padding:.8rem 0;border-bottom:1px solid #bbb}
pre{overflow:auto;background:#f3f3f0;padding:.7rem;line-height:1.25}code{font-size:.9em}table{border-collapse:collapse;display:block;overflow:auto}
td,th{border:1px solid #bbb;padding:.2rem .5rem;text-align:left;vertical-align:top}img{max-width:100%}a{color:#0b57a4}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}pre{background:#222}a{color:#8ab8ef}}`;

const htmlOf = (page) => page.replace(/\.md$/, '.html');

/** A page of the documentation. */
async function document(page) {
  const { Marked } = await import(pathToFileURL(kit.resolve('marked')).href);
  const to = dirname(page);
  const up = (path) => relative(to, path).replaceAll('\\', '/') || '.';
  const seen = new Map();
  const marked = new Marked({
    gfm: true,
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        const anchor = anchorOf(html.replace(/&[a-z]+;/g, ''));
        const times = seen.get(anchor) ?? 0;
        seen.set(anchor, times + 1);
        return `<h${depth} id="${anchor}${times === 0 ? '' : `-${times}`}">${html}</h${depth}>\n`;
      },
    },
    walkTokens(token) {
      if (token.type !== 'link' || /^[a-z]+:|^#/i.test(token.href)) return;
      const [path, hash] = token.href.split('#');
      if (path.endsWith('.md')) token.href = htmlOf(path) + (hash === undefined ? '' : `#${hash}`);
    },
  });
  const text = readFileSync(join(root, page), 'utf8');
  const title = /^# (.*)/m.exec(text)?.[1] ?? page;
  const nav = [
    ['index.html', 'halfopen'],
    [join('docs', 'embedding.html'), 'Embedding'],
    [join('docs', 'explain.html'), 'explain'],
    [join('docs', 'doctor.html'), 'doctor'],
    [join('api', 'index.html'), 'API'],
    [join('lab', 'index.html'), 'Lab'],
    ['search.html', 'Search'],
  ]
    .map(([path, name]) => `<a href="${up(path)}">${name}</a>`)
    .join('\n');
  const html = `<!DOCTYPE html>
<html lang="${page.includes('.zh.') ? 'zh' : 'en'}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${style}</style>
<nav>${nav}</nav>
<main data-pagefind-body>
${await marked.parse(text)}
</main></html>
`;
  const file = join(site, htmlOf(page));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, html);
  if (page === 'README.md') writeFileSync(join(site, 'index.html'), html);
  return text;
}

/** A page that searches the documentation in the browser itself: also from a file, where nothing can be fetched. */
function search(texts) {
  const index = texts.flatMap(([page, text]) =>
    text.split(/^(?=#{1,3} )/m).map((part) => {
      const heading = /^#+ (.*)/.exec(part)?.[1] ?? page;
      return { at: `${htmlOf(page)}#${anchorOf(heading.replace(/[`*]/g, ''))}`, heading, text: part };
    }),
  );
  writeFileSync(
    join(site, 'search.html'),
    `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Search halfopen</title>
<style>${style}</style><nav><a href="index.html">halfopen</a> <a href="api/index.html">API (has a search of its own)</a></nav>
<h1>Search</h1><p><input id="q" type="search" aria-label="Words" autofocus size="40"></p><ol id="found"></ol>
<script>const index = ${JSON.stringify(index).replaceAll('<', '\\u003c')};
const field = document.getElementById('q'), list = document.getElementById('found');
field.addEventListener('input', () => {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const score = (part) => words.every((word) => part.text.toLowerCase().includes(word)) ?
    1 + words.filter((word) => part.heading.toLowerCase().includes(word)).length : 0;
  const hits = words.length === 0 ? [] : index.map((part) => [score(part), part]).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0]);
  list.replaceChildren(...hits.slice(0, 40).map(([, part]) => {
    const item = document.createElement('li'), link = document.createElement('a');
    link.href = part.at; link.textContent = part.heading; item.append(link, ' ' + part.at.replace(/#.*/, ''));
    return item;
  }));
});</script></html>
`,
  );
}

/** Every link from a page to another that is not there. Addresses of other hosts are not asked. */
function brokenLinks() {
  const broken = [];
  const anchors = new Map();
  const anchorsOf = (file) => {
    if (!anchors.has(file))
      anchors.set(
        file,
        new Set([...readFileSync(file, 'utf8').matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)),
      );
    return anchors.get(file);
  };
  let count = 0;
  for (const name of readdirSync(site, { recursive: true })) {
    // The lab is one page that draws itself; its tests look at what it links.
    if (!name.endsWith('.html') || name.startsWith('lab')) continue;
    const from = join(site, name);
    for (const [, link] of readFileSync(from, 'utf8').matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      if (/^(?:[a-z]+:|\/\/)/i.test(link)) continue;
      count++;
      const [path, hash] = link.replaceAll('&amp;', '&').split('#');
      let to = path === '' ? from : join(dirname(from), decodeURIComponent(path.replace(/\?.*/, '')));
      if (existsSync(join(to, 'index.html'))) to = join(to, 'index.html');
      if (!existsSync(to)) broken.push(`${name}: ${link}`);
      else if (
        hash &&
        to.endsWith('.html') &&
        !relative(site, to).startsWith('lab') &&
        !anchorsOf(to).has(decodeURIComponent(hash))
      )
        broken.push(`${name}: ${link}: no such place in the page`);
    }
  }
  return { broken, count };
}

reference();
const texts = [];
for (const page of pages) texts.push([page, await document(page)]);
search(texts);
cpSync(join(root, 'dist-lab'), join(site, 'lab'), { recursive: true });
// What pages link to beside pages: examples, pictures, scripts, the licence.
for (const name of ['docs', 'scripts', 'LICENSE', 'test/drill/conformance-passes.txt'])
  cpSync(join(root, name), join(site, name), { recursive: true, filter: (path) => !path.endsWith('.md') });
const { broken, count } = brokenLinks();
for (const line of broken) console.error(`broken: ${line}`);
console.log(
  `${site}: ${pages.length} pages, the reference of ${Object.keys(entries).length - 1} entries, the lab; ${count} links checked`,
);
process.exit(broken.length > 0 ? 1 : 0);
