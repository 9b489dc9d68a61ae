// An echo server with abort, time-out and dispose, over promises and streams.
import { Stack, StackError } from 'halfopen';
import { connect, listen } from 'halfopen/streams';

await using alice = new Stack({ addresses: ['192.0.2.1/24'], transmit: (packet) => bob.receive(packet) });
await using bob = new Stack({ addresses: ['192.0.2.2/24'], transmit: (packet) => alice.receive(packet) });

const stop = new AbortController();
const listener = listen(bob, { port: 7, signal: stop.signal });
const serving = (async (): Promise<number> => {
  let served = 0;
  for await (const { readable, writable } of listener) {
    served++;
    await readable.pipeTo(writable);
  }
  return served;
})();

{
  await using echo = await connect(alice, { address: '192.0.2.2', port: 7 }, { timeoutUs: 2_000_000 });
  const writer = echo.writable.getWriter();
  await writer.write(new TextEncoder().encode('hello'));
  await writer.close();
  const reader = echo.readable.getReader();
  const { value } = await reader.read();
  console.log(new TextDecoder().decode(value), echo.connection.info().state);
}

/** What becomes of an attempt. */
async function outcome(port: number, options: { timeoutUs?: number; signal?: AbortSignal }): Promise<string> {
  try {
    await connect(alice, { address: port === 8 ? '192.0.2.2' : '192.0.2.9', port }, options);
    return 'connected';
  } catch (error) {
    if (error instanceof StackError)
      return `${error.code} ${error.errno} ${error.syscall} ${error.address}:${error.port}`;
    return error instanceof Error ? error.name : String(error);
  }
}
console.log(await outcome(8, {}));
console.log(await outcome(9, { timeoutUs: 20_000 }));
console.log(await outcome(9, { signal: AbortSignal.timeout(20) }));
stop.abort();
console.log(await serving, 'served');
