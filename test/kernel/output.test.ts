/** What a process on the kernel hands over, to a reader that is slow. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { root, testNeeding } from '../support/needs.ts';

const program = `
import { writeWhole } from ${JSON.stringify(join(root, 'build/cli/kernel-child-output.js'))};
import { sys } from ${JSON.stringify(join(root, 'build/linux/sys.js'))};
sys().call('fcntl', 1, 4, 0x801); // O_WRONLY | O_NONBLOCK
writeWhole(sys(), new Uint8Array(1_000_000));
`;

testNeeding('test/kernel/output.test.ts', 'namespaces')(
  'all of a large result is written to a pipe that is full for a while',
  { timeout: 60_000 },
  async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let length = 0;
    child.stdout.pause();
    setTimeout(() => child.stdout.on('data', (chunk: Buffer) => (length += chunk.length)).resume(), 500);
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(length).toBe(1_000_000);
  },
);
