import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { firstViews, svelteOptions } from './first/plugin.ts';

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the build works from any folder of any web server.
  base: './',
  plugins: [svelte(svelteOptions), firstViews()],
  build: {
    outDir: '../../dist-lab',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    // The licences of what is bundled go with it.
    license: { fileName: 'licenses.md' },
  },
});
