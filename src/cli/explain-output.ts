/** Standard output in large pieces: there may be millions of lines. */
import { LineBuffer } from '../explain/output/line-buffer.ts';
import { printBytes } from './output/print.ts';

/** Collects lines and writes them in large pieces. */
export const standardOutput = (): LineBuffer => new LineBuffer(printBytes);
