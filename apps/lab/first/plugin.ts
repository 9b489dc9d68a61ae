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

type FirstView = (id: string, language: 'en' | 'zh') => string;

async function withFirstView<T>(act: (view: FirstView) => T): Promise<T> {
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
    const { firstView } = (await server.ssrLoadModule('/first/view.ts')) as { firstView: FirstView };
    return act(firstView);
  } finally {
    await server.close();
  }
}

const idOf = (file: string): string => file.replace(/\.json$/, '');

/** A page of every scenario in every language; the first scenario's are in index.html. */
export function firstViews(): Plugin {
  return {
    name: 'first-views',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      async handler(html, { bundle = {} }) {
        const ids = readdirSync(join(folder, 'scenarios')).sort().map(idOf);
        const views = await withFirstView((view) =>
          ids.flatMap((id) => languages.map((language) => ({ id, language, html: view(id, language) }))),
        );
        for (const view of views.slice(languages.length)) {
          const fileName = `first/${view.id}.${view.language}.html`;
          this.emitFile({ type: 'asset', fileName, source: view.html });
        }
        return withParts(html, views.slice(0, languages.length), ids[0]!, stylesOf(bundle));
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

function withParts(
  html: string,
  views: readonly { readonly language: string; readonly html: string }[],
  opening: string,
  styles: ReadonlyMap<string, string>,
): string {
  const player = readFileSync(join(folder, 'first', 'player.js'), 'utf8').trim();
  const digest = createHash('sha256').update(player).digest('base64');
  const templates = views
    .map((it) => `<template data-lang="${it.language}" data-first="${opening}">${it.html}</template>`)
    .join('\n');
  return (
    html
      .replace("default-src 'self';", `default-src 'self'; script-src 'self' 'sha256-${digest}';`)
      // One way less to the server before something is seen.
      .replaceAll(/<link rel="stylesheet"[^>]*href="\.\/([^"]+)"[^>]*>/g, (link, name: string) => {
        const css = styles.get(name);
        return css === undefined ? link : `<style>${css.trim()}</style>`;
      })
      .replace('<body></body>', () => `<body>\n${templates}\n<script>${player}</script>\n</body>`)
  );
}
