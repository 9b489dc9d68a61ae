/** `halfopen explain --interface eth0`: captures itself, where tcpdump is missing. */
import type { Explainer } from '../explain/explain.ts';
import type { Options } from './explain-args.ts';
import { printError } from './output/print.ts';

const EVERY_MS = 50;

/** Captures until ^C, or for as long as was asked. @throws Error that says why it cannot capture */
export async function captureFrom(options: Options, explainer: Explainer): Promise<void> {
  const { sys, SysError } = await import('../linux/sys.ts');
  const { openCapture } = await import('../linux/af-packet.ts');
  const name = options.interface!;
  let capture: ReturnType<typeof openCapture>;
  try {
    capture = openCapture(sys(), { interface: name === 'any' ? null : name });
  } catch (error) {
    if (error instanceof SysError && error.code === 'EPERM')
      throw new Error(`to capture from ${name} takes root, or the capability CAP_NET_RAW`);
    if (error instanceof SysError && error.code === 'ENODEV')
      throw new Error(`there is no interface ${name}`);
    throw error;
  }
  let drops = 0;
  try {
    explainer.push(capture.header);
    await new Promise<void>((resolve, reject) => {
      const end = (): void => {
        clearInterval(timer);
        clearTimeout(limit);
        process.off('SIGINT', end);
        process.off('SIGTERM', end);
        resolve();
      };
      const timer = setInterval(() => {
        try {
          capture.read((records) => explainer.push(records));
          drops += capture.statistics().drops;
        } catch (error) {
          end();
          reject(error as Error);
        }
      }, EVERY_MS);
      const limit = options.seconds === null ? undefined : setTimeout(end, options.seconds * 1000);
      process.once('SIGINT', end);
      process.once('SIGTERM', end);
    });
    capture.read((records) => explainer.push(records));
    drops += capture.statistics().drops;
  } finally {
    capture.close();
  }
  if (drops > 0) printError(`${options.say('drops', { count: drops })}\n`);
}
