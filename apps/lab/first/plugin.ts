/** Vite plugin: renders what is seen before the script, and puts it with its little player into the page. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { createServer, type Plugin } from 'vite';

const languages = ['en', 'zh'] as const;
const folder = join(import.meta.dirname, '..');

/** The same class names in the page and in what is rendered before. */
export const svelteOptions: Parameters<typeof svelte>[0] = {
  compilerOptions: {
    cssHash: ({ hash, filename }) => `s-${hash(filename.slice(filename.lastIndexOf('/') + 1))}`,
  },
};

type Views = typeof import('./view.ts');

async function withViews<T>(act: (views: Views) => T): Promise<T> {
  const server = await createServer({
    configFile: false,
    root: folder,
    appType: 'custom',
    logLevel: 'error',
    plugins: [svelte(svelteOptions)],
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true },
  });
  try {
    return act((await server.ssrLoadModule('/first/view.ts')) as Views);
  } finally {
    await server.close();
  }
}

/** The first view of the first scenario in every language, as part of index.html. */
export function firstViews(): Plugin {
  return {
    name: 'first-views',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      async handler(html, { bundle = {} }) {
        const [first] = readdirSync(join(folder, 'scenarios')).sort();
        const id = first!.replace(/\.json$/, '');
        const parts = await withViews(({ firstPage, firstView }) => {
          return languages.map(
            (language) =>
              `<template data-lang="${language}" data-first="${id}">${firstPage(id, language)}` +
              `<script type="application/json">${JSON.stringify(firstView(id, language)).replaceAll('<', '\\u003c')}</script></template>`,
          );
        });
        return withParts(html, parts, stylesOf(bundle));
      },
    },
  };
}

/** The style sheets of the entry. */
const stylesOf = (bundle: Readonly<Record<string, unknown>>): Map<string, string> =>
  new Map(
    Object.entries(bundle).flatMap(([name, item]) => {
      const { source } = item as { source?: string | Uint8Array };
      return name.endsWith('.css') && source !== undefined ? [[name, source.toString()] as const] : [];
    }),
  );

function withParts(html: string, templates: readonly string[], styles: ReadonlyMap<string, string>): string {
  const player = readFileSync(join(folder, 'first', 'player.js'), 'utf8').trim();
  const digest = createHash('sha256').update(player).digest('base64');
  return (
    html
      .replace("default-src 'self';", `default-src 'self'; script-src 'self' 'sha256-${digest}';`)
      // One way less to the server before something is seen.
      .replaceAll(/<link rel="stylesheet"[^>]*href="\.\/([^"]+)"[^>]*>/g, (link, name: string) => {
        const css = styles.get(name);
        return css === undefined ? link : `<style>${css.trim()}</style>`;
      })
      .replace('<body></body>', () => `<body>\n${templates.join('\n')}\n<script>${player}</script>\n</body>`)
  );
}
