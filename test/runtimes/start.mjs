// Runs program.mjs in Node, Bun or Deno, and prints its lines.
import { readFileSync } from 'node:fs';
import { program } from './program.mjs';

const place = new URL('../../', import.meta.url);
const lines = await program(
  (name) => import(new URL(`dist/${name}`, place).href),
  readFileSync(new URL('docs/examples/attempts.pcapng', place)),
);
console.log(lines.join('\n'));
