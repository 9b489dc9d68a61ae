import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipv4, ipv6 } from '../wire/address.ts';
import { type Tuple, TupleTable } from './table.ts';

const address = fc.oneof(
  fc.integer({ min: 1, max: 3 }).map((n) => ipv4(n)),
  fc.integer({ min: 1, max: 3 }).map((n) => ipv6(0x20010db8, 0, 0, n)),
);

test('the table finds exactly what was added and not removed, through growth and gaps', () => {
  const step = fc.record({
    act: fc.constantFrom('add', 'remove', 'replace'),
    local: address,
    localPort: fc.integer({ min: 1, max: 12 }),
    remote: address,
    remotePort: fc.integer({ min: 1, max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.integer(), (steps, key) => {
      const table = new TupleTable<Tuple>(key, 7);
      const model = new Map<string, Tuple>();
      for (const s of steps) {
        const name = JSON.stringify([s.local, s.localPort, s.remote, s.remotePort]);
        const known = model.get(name) ?? null;
        expect(table.find(s.local, s.localPort, s.remote, s.remotePort)).toBe(known);
        if (s.act === 'add' && known === null) {
          const entry = { ...s, hash: 0 };
          table.add(entry);
          model.set(name, entry);
        } else if (s.act === 'replace' && known !== null) {
          const fresh = { ...known, hash: 0 };
          table.replace(known, fresh);
          model.set(name, fresh);
        } else if (s.act === 'remove' && known !== null) {
          table.remove(known);
          model.delete(name);
        }
        expect(table.size).toBe(model.size);
      }
      expect(new Set(table.values())).toEqual(new Set(model.values()));
    }),
  );
});

test('values() goes on when entries leave and come during it, and gives none twice, after growth too', () => {
  const entry = (port: number): Tuple => ({
    local: ipv4(1),
    localPort: 80,
    remote: ipv4(2),
    remotePort: port,
    hash: 0,
  });
  const table = new TupleTable<Tuple>(7, 7);
  const first = Array.from({ length: 500 }, (_, i) => entry(1 + i));
  for (const it of first) table.add(it);
  for (const it of first) if (it.remotePort % 3 === 0) table.remove(it);
  // Places that became free are taken again, and the rest of the entries is still found where they are.
  for (let port = 1001; port <= 1400; port++) table.add(entry(port));
  const before = new Set(table.values());
  expect(before.size).toBe(table.size);
  const seen: Tuple[] = [];
  for (const it of table.values()) {
    seen.push(it);
    table.remove(it);
    if (it.remotePort < 2000) table.add(entry(it.remotePort + 2000));
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.filter((it) => it.remotePort < 2000)).toHaveLength(before.size);
  for (const { remotePort } of before) {
    expect(table.find(ipv4(1), 80, ipv4(2), remotePort)).toBe(null);
    expect(table.find(ipv4(1), 80, ipv4(2), remotePort + 2000)?.remotePort).toBe(remotePort + 2000);
  }
});

test('refuses to replace what is not in it, and passes over the removal of it', () => {
  const table = new TupleTable<Tuple>(7, 7);
  const [one, other] = [80, 81].map((localPort) => ({
    local: ipv4(1),
    localPort,
    remote: ipv4(2),
    remotePort: 9,
    hash: 0,
  })) as [Tuple, Tuple];
  table.add(one);
  expect(() => table.replace(other, { ...other })).toThrow(/not in the table/);
  table.remove(other);
  table.remove(one);
  table.remove(one);
  expect(table.size).toBe(0);
  expect([...table.values()]).toEqual([]);
});

test('an attacker with a whole IPv6 network of addresses finds none that collide', () => {
  const table = new TupleTable<Tuple>(0x1234567, -0x7654321);
  const hashes = new Set<number>();
  for (let i = 0; i < 20_000; i++) {
    const entry = {
      local: ipv6(0x20010db8, 0, 0, 1),
      localPort: 80,
      // Only the third word differs, which a cheaper hash may leave out.
      remote: ipv6(0x20010db8, 1, i, 5),
      remotePort: 1000,
      hash: 0,
    };
    table.add(entry);
    hashes.add(entry.hash);
  }
  expect(hashes.size).toBeGreaterThan(19_990);
});
