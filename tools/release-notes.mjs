// node tools/release-notes.mjs vX.Y.Z: that version's part of CHANGELOG.md, for the notes of a release.
import { readFileSync } from 'node:fs';

const version = (process.argv[2] ?? '').replace(/^v/, '');
const text = readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8');
const parts = text.split(/^## /m).slice(1);
const part = parts.find((it) => it.startsWith(`[${version}]`));
if (version === '' || part === undefined) {
  process.stderr.write(`CHANGELOG.md has no part for version '${version}'\n`);
  process.exit(1);
}
process.stdout.write(`${part.split('\n').slice(1).join('\n').trim()}\n`);
