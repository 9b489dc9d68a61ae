import { describe, expect, test } from 'vitest';
import { explainAll, Film, linuxOptions, Talk } from '../testing.ts';
import { bothEnds, endsText } from './ends.ts';
import { legsOf, legsText } from './legs.ts';

const ends = (client: Film, server: Film) =>
  bothEnds(
    { name: 'client.pcap', attempts: explainAll(client).attempts },
    { name: 'server.pcap', attempts: explainAll(server).attempts },
  );

describe('the same attempt at both ends', () => {
  test('says which packets got lost, how long the way is, and how far the clocks are apart', () => {
    const client = new Film();
    const server = new Film();
    const [a, b] = [new Talk(client), new Talk(server)];
    a.c(0, 'S', { stamps: [1, 0] });
    a.c(1000, 'S', { stamps: [1001, 0] });
    b.c(61_010, 'S', { stamps: [1001, 0], ttl: 60 });
    b.s(61_011, 'SA', { stamps: [7, 1001] });
    a.s(1021, 'SA', { stamps: [7, 1001], ttl: 60 });
    a.c(1021.1, 'A', { stamps: [1022, 7] });
    b.c(61_031.1, 'A', { stamps: [1022, 7], ttl: 60 });
    const [story] = ends(client, server);
    expect(story).toMatchObject({
      synsLost: 1,
      synAcksLost: 0,
      ackLost: false,
      clockNs: 60_000e6,
      wayNs: 10e6,
    });
    expect(endsText(story!)).toContain('one SYN of 2 that left the client did not get to the server');
    // It does not matter which is named first.
    expect(ends(server, client)[0]).toMatchObject({ synsLost: 1, wayNs: 10e6 });
  });

  test('says what was rewritten, and who never sent the RST that the other got', () => {
    const client = new Film();
    const server = new Film();
    const a = new Talk(client);
    const b = new Talk(server, { client: '198.51.100.9', clientPort: 61_000 });
    a.c(0, 'S', { id: 5 });
    a.s(20, 'RA', { seq: 0, ack: 1001, ttl: 63 });
    b.c(10, 'S', { id: 5, ttl: 62, options: linuxOptions(null, 1400) });
    b.s(10.1, 'SA');
    const [story] = ends(client, server);
    expect(story).toMatchObject({ rewritten: ['addresses', 'mss'], foreignReset: 'client', synAcksLost: 1 });
    expect(endsText(story!)).toContain('from 1460 to 1400');
  });

  test('attempts with other numbers are not taken for one', () => {
    const client = new Film();
    const server = new Film();
    new Talk(client).shake();
    new Talk(server, { clientIsn: 77 }).shake();
    expect(ends(client, server)).toEqual([]);
  });
});

describe('one connect() with several legs', () => {
  test('is one story, whose legs are in the order of time', () => {
    const made = new Film();
    const asked = new Talk(made, { server: '198.51.100.10' });
    const inner = new Talk(made);
    asked.c(0, 'S', { id: 7 });
    inner.c(0.1, 'S', { id: 7, ttl: 63 });
    inner.s(1, 'SA');
    asked.s(1.1, 'SA', { ttl: 63 });
    asked.c(1.2, 'A');
    inner.c(1.3, 'A', { ttl: 63 });
    const [story] = legsOf(explainAll(made).attempts);
    expect(story?.legs.map((a) => a.server)).toEqual(['198.51.100.10', '192.0.2.2']);
    expect(legsText(story!)).toContain("the server's address is translated");
  });

  test('two clients with numbers of their own are two', () => {
    const made = new Film();
    new Talk(made).shake();
    new Talk(made, { client: '192.0.2.7', clientIsn: 5 }).shake();
    expect(legsOf(explainAll(made).attempts)).toEqual([]);
  });
});
