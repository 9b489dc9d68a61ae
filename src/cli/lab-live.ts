/** `halfopen lab --live`: runs the fixed commands of a topic on this kernel, in namespaces of their own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnInNamespace } from '../linux/namespace.ts';
import { liveTopics } from '../live/topics.ts';

/** What the kernel did. */
export interface LiveRun {
  /** The commands as typed, each with what it printed. */
  readonly text: string;
  /** A capture of it all (pcap, base64); empty if tcpdump is not installed. */
  readonly capture: string;
}

/** However a topic goes, it is over then. */
const mostMs = 20_000;
const mostOutput = 200_000;

/** The commands of a topic as one script that shows each before it runs. */
function scriptOf(topic: number): string | null {
  const found = liveTopics.find((it) => it.topic === topic);
  if (found === undefined) return null;
  const quoted = (line: string): string => `'${line.replaceAll("'", "'\\''")}'`;
  const shown = found.commands.flatMap((line) => [`printf '$ %s\\n' ${quoted(line)}`, line]);
  // Not for readers: a command.
  const loopback = 'ip link set lo up';
  return [
    'exec 2>&1',
    loopback,
    ...found.before.map((line) => (line.includes('&') ? line : `{ ${line}; } >/dev/null`)),
    'if command -v tcpdump >/dev/null; then',
    '  tcpdump -i any -U -w "$CAPTURE" tcp >/dev/null 2>&1 & sleep 0.5',
    'fi',
    ...shown,
    'sleep 0.3',
  ].join('\n');
}

/** Runs a topic. @returns null if there is none of that number @throws Error if no namespace can be made here */
export async function runLive(topic: number): Promise<LiveRun | null> {
  const script = scriptOf(topic);
  if (script === null) return null;
  const folder = mkdtempSync(join(tmpdir(), 'halfopen-live-'));
  const capture = join(folder, 'live.pcap');
  try {
    const child = spawnInNamespace('bash', ['-c', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', CAPTURE: capture, LC_ALL: 'C' },
    });
    let text = '';
    const take = (chunk: Buffer): void => {
      if (text.length < mostOutput) text += chunk.toString();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const timer = setTimeout(() => child.kill('SIGKILL'), mostMs);
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      // The pipes stay open as long as something in there has them: what counts is the end of the commands.
      child.once('exit', () => resolve());
    });
    clearTimeout(timer);
    return { text, capture: read(capture) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function read(file: string): string {
  try {
    return readFileSync(file).toString('base64');
  } catch {
    // Without tcpdump there is none.
    return '';
  }
}
