/** The whole page as one file that opens from a disk: file:// lets a page load no module, so that all lies in it. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';
import { svelteOptions } from './first/plugin.ts';

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [svelte(svelteOptions), oneFile()],
  build: {
    outDir: '../../dist-lab-offline',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: Number.MAX_SAFE_INTEGER,
    rolldownOptions: { output: { codeSplitting: false } },
    license: { fileName: 'licenses.md' },
  },
});

/** Puts script and style into index.html; the policy names the script by its digest and lets nothing be asked of anyone. */
function oneFile(): Plugin {
  return {
    name: 'one-file',
    apply: 'build',
    // After everything is written: the list of licences is made of the bundle as it was.
    writeBundle({ dir }, bundle) {
      const read = (name: string): string => readFileSync(join(dir!, name), 'utf8');
      const names = Object.keys(bundle);
      const scripts = names.filter((name) => name.endsWith('.js'));
      const styles = names.filter((name) => name.endsWith('.css'));
      // Within a script of a page these would end it; in a string or an expression the two mean the same.
      const script = scripts
        .map(read)
        .join('\n')
        .replaceAll('</script', '<\\/script')
        .replaceAll('<!--', '<\\!--');
      const digest = createHash('sha256').update(script).digest('base64');
      const page = read('index.html')
        .replaceAll(/\s*<link rel="stylesheet"[^>]*>/g, '')
        .replaceAll(/\s*<script type="module"[^>]*><\/script>/g, '')
        .replace(
          /content="default-src [^"]*"/,
          `content="default-src 'none'; script-src 'sha256-${digest}'; style-src 'unsafe-inline'; img-src data: blob:; worker-src blob: data:"`,
        )
        .replace('</head>', () => `<style>${styles.map(read).join('\n')}</style>\n</head>`)
        .replace('</body>', () => `<script type="module">${script}</script>\n</body>`);
      writeFileSync(join(dir!, 'halfopen-lab.html'), page);
      for (const name of [...scripts, ...styles, 'index.html']) rmSync(join(dir!, name));
      rmSync(join(dir!, 'assets'), { recursive: true, force: true });
    },
  };
}
