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
      const table = new TupleTable<Tuple>(key);
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
