// What every runtime has to do alike: echo over the stack, a simulated network, a script, packets, an explained capture.
/** @returns lines that are the same everywhere */
export async function program(load, capture) {
  const lines = [];
  const { Stack, VirtualTime, version } = await load('index.js');
  const { connect, listen } = await load('embed/streams.js');
  const { runScript, openHost } = await load('drill/index.js');
  const { explain } = await load('explain/index.js');
  const { pair } = await load('sim/index.js');
  const { OpenFlag } = await load('host/index.js');
  const { ladder } = await load('view/index.js');
  const { packetText, parseAddress } = await load('wire/index.js');
  lines.push(version);

  const clock = new VirtualTime();
  const alice = new Stack({ addresses: ['192.0.2.1/24'], clock, transmit: (packet) => bob.receive(packet) });
  const bob = new Stack({ addresses: ['192.0.2.2/24'], clock, transmit: (packet) => alice.receive(packet) });
  bob.listen({ port: 7 }, (connection) => ({ data: (bytes) => connection.write(bytes) }));
  alice.connect(
    { address: '192.0.2.2', port: 7 },
    {
      connected: (connection) => connection.write(new TextEncoder().encode('callbacks')),
      data: (bytes, connection) => {
        lines.push(new TextDecoder().decode(bytes));
        connection.reset();
      },
    },
  );
  alice.connect({ address: '192.0.2.2', port: 8 }, { closed: (error) => lines.push(error.message) });
  clock.advance(1_000_000);

  // In real time, with the runtime's own clock, timers and streams.
  const here = new Stack({ addresses: ['192.0.2.1/24'], transmit: (packet) => there.receive(packet) });
  const there = new Stack({ addresses: ['192.0.2.2/24'], transmit: (packet) => here.receive(packet) });
  listen(there, { port: 7 }, ({ readable, writable }) => readable.pipeTo(writable));
  const { readable, writable } = await connect(here, { address: '192.0.2.2', port: 7 });
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode('streams'));
  await writer.close();
  const { value } = await readable.getReader().read();
  lines.push(new TextDecoder().decode(value));
  here.close();
  there.close();

  const { world, client, server, events } = pair({ conditions: { delayUs: 20_000, loss: 0.3 }, seed: 3 });
  const listener = server.socket(4, OpenFlag.nonBlock);
  listener.bind(parseAddress('0.0.0.0'), 80);
  listener.listen(16);
  client.socket(4, OpenFlag.nonBlock).connect(parseAddress('192.0.2.2'), 80);
  world.run(60_000_000);
  for (const event of events) if (event.kind === 'sent') lines.push(packetText(event.bytes, 'tshark'));
  lines.push(...ladder(events, { left: 'client', right: 'server', language: 'zh' }));

  const text = '0 < S 0:0(0) win 1000 <mss 1000>\n+0 > R. 0:0(0) ack 1 win 0\n';
  lines.push(`script: ${runScript({ file: 'a.pkt', text, open: openHost }).failure === null}`);
  for await (const { sentence } of explain([capture])) lines.push(sentence);
  return lines;
}
