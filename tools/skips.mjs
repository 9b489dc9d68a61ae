// After the tests in CI: says how many ran, lists what was skipped and why, and fails if something was skipped
// that a machine like this one could have run.
import { existsSync, readFileSync } from 'node:fs';

if (!existsSync(process.env.HALFOPEN_REPORT)) {
  console.log('no test ran: there is no report');
  process.exit(1);
}
const report = JSON.parse(readFileSync(process.env.HALFOPEN_REPORT, 'utf8'));
const file = process.env.HALFOPEN_SKIPS;
const skips = existsSync(file) ? [...new Set(readFileSync(file, 'utf8').trim().split('\n'))] : [];

// A skip is excused only if what was missing cannot be installed: a line is "need<TAB>reason<TAB>test file".
const excusable = new Set([
  'captures',
  'kernel',
  'packetdrill-suite',
  'node-matrix',
  'attw',
  'bun',
  'deno',
  'site',
  'chdb',
]);
let inexcusable = 0;
for (const line of skips) {
  const [need, reason, where] = line.split('\t');
  const excused = excusable.has(need) || process.platform !== 'linux' || process.getuid?.() !== 0;
  if (!excused) inexcusable++;
  console.log(
    `${excused ? 'skipped' : 'skipped, though this machine could run it'}: ${where}: needs ${need}: ${reason}`,
  );
}
const skipped = report.numPendingTests + (report.numTodoTests ?? 0);
if (skipped > 0 && skips.length === 0) {
  console.log('tests were skipped without a reason: skip through test/support/needs.ts');
  inexcusable++;
}
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`);
process.exit(inexcusable > 0 || report.numFailedTests > 0 ? 1 : 0);
