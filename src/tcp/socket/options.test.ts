import { expect, test } from 'vitest';
import { Options } from './options.ts';

test('sockets that are tuned alike share their options, and nobody changes those of another', () => {
  const fresh = new Options();
  const tuned = (linger: number) => fresh.with('nodelay', true).with('linger', linger);
  const first = tuned(0);
  expect(tuned(0)).toBe(first);
  expect(first.with('linger', 0)).toBe(first);
  expect(tuned(5)).toMatchObject({ nodelay: true, linger: 5, cork: false });
  expect(first).toMatchObject({ nodelay: true, linger: 0, cork: false });
  expect(fresh).toMatchObject({ nodelay: false, linger: -1, cork: false });
});

/** How many records are kept alive by one. */
function kept(options: object): number {
  const found = [options];
  for (const it of found)
    for (const value of Object.values(it))
      if (value instanceof Options && !found.includes(value)) found.push(value);
  return found.length;
}

test('a socket whose options change again and again leaves no chain of records behind', () => {
  const fresh = new Options();
  let options = fresh;
  for (let i = 0; i < 1000; i++) options = options.with('cork', i % 2 === 0).with('rcvLowat', 1 + (i % 100));
  expect(options).toMatchObject({ cork: false, rcvLowat: 100 });
  expect(kept(fresh)).toBeLessThan(50);
  expect(kept(options)).toBe(1);
});
