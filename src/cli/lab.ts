/** `halfopen lab`: serves the lab's static build on 127.0.0.1. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { labTexts } from '../messages/lab.ts';
import { speaker } from '../messages/message.ts';
import { visible } from '../wire/visible.ts';
import { runLive } from './lab-live.ts';
import { serveFolder } from './lab-server.ts';
import { argumentProblem, languageOf } from './language.ts';
import { complain, print } from './output/print.ts';

export { serveFolder };

/** The folder of the build in an installed package and in a clone alike. */
const labFolder: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'dist-lab');

/** Serves until it is interrupted. */
export async function run(args: string[]): Promise<number> {
  const language = languageOf(args);
  const say = speaker(labTexts, language);
  let values: { port?: string; live?: boolean; help?: boolean; lang?: string };
  try {
    ({ values } = parseArgs({
      args,
      options: {
        port: { type: 'string' },
        live: { type: 'boolean' },
        lang: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    complain('lab', argumentProblem(error, language));
    return 2;
  }
  if (values.help) {
    print(say('help'));
    return 0;
  }
  const port = Number(values.port ?? 0);
  if (!/^\d+$/.test(values.port ?? '0') || port > 65_535) {
    complain('lab', say('badPort', { text: visible(values.port ?? '') }));
    return 2;
  }
  if (!existsSync(join(labFolder, 'index.html'))) {
    complain('lab', say('notBuilt'));
    return 1;
  }
  // The page gets the token by its address, which only whoever started this sees.
  const token = randomBytes(16).toString('hex');
  const server = serveFolder(labFolder, {
    language,
    ...(values.live === true ? { live: { token, run: runLive } } : {}),
  });
  return new Promise((resolve) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      complain('lab', error.code === 'EADDRINUSE' ? say('portInUse', { port }) : error.message);
      resolve(1);
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const actual = typeof address === 'object' ? address?.port : port;
      print(`http://127.0.0.1:${actual}/${values.live === true ? `?live=${token}` : ''}\n`);
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        server.close(() => resolve(0));
        server.closeAllConnections();
      });
  });
}
