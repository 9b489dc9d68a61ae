/** The tiny stack as a program: halfopen run --on 'exec:node tiny-stack-exec.js' PATH... */
import { StackServer } from 'halfopen/drill';
import { TinyStack } from './tiny-stack.ts';

const server = new StackServer(() => new TinyStack(), { name: 'the tiny stack' });
process.stdin.on('data', (bytes) => {
  for (const frame of server.receive(bytes)) process.stdout.write(frame);
  if (server.finished) process.exit();
});
