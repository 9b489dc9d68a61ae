/**
 * One holder of a port among all processes of this kind: a lock that the kernel lets go of when its process ends,
 * however it ends. On Linux a Unix socket with an abstract name, which like the port itself belongs to the network
 * namespace and needs no file; elsewhere an open file with an exclusive lock (O_EXLOCK of BSD and macOS).
 */
import { closeSync, constants, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Lets go of the lock. */
export type Unlock = () => Promise<void>;

/** Binds to an abstract name; null if somebody has it. */
function lockByName(name: string): Promise<Unlock | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((stranger) => stranger.destroy());
    server.unref();
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen({ path: name, exclusive: true }, () =>
      resolve(() => new Promise((done) => server.close(() => done()))),
    );
  });
}

/** Of <fcntl.h> on BSD and macOS. Node has no names for them and hands flags on as they are. */
const exclusiveLock = 0x20;
const nonBlocking = 0x4;

function lockByFile(port: number): Unlock | null {
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | exclusiveLock | nonBlocking;
    const file = openSync(join(tmpdir(), `halfopen-port-${port}`), flags, 0o666);
    return async () => closeSync(file);
  } catch (error) {
    // EACCES: another user's file, and so his port.
    if (['EWOULDBLOCK', 'EAGAIN', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return null;
    throw error;
  }
}

/** The length of an abstract name. Versions of Node differ in whether they fill shorter ones up with zeros. */
const nameLength = 107;

/** Takes the lock of a port; null if another process of this kind, or another lease of this one, has it. */
export function lock(port: number): Promise<Unlock | null> {
  if (process.platform === 'linux')
    return lockByName(`\0${`halfopen port ${port} `.padEnd(nameLength, '.')}`);
  return Promise.resolve(lockByFile(port));
}
