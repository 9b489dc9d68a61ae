import { expect, test } from 'vitest';
import { explainAll, Film, Talk } from '../testing.ts';

test('a SYN+ACK on the tuple of a connection that is closed begins another, whose SYN is not in the capture', () => {
  const made = new Film();
  new Talk(made).shake().close(100);
  const next = new Talk(made, { clientIsn: 900_000_000, serverIsn: 80_000_000 });
  next.s(3_400_000, 'SA');
  next.c(3_400_001, 'A', { seq: 900_000_001 });
  next.c(3_400_002, 'PA', { seq: 900_000_001, data: 100 });
  next.s(3_400_003, 'PA', { ack: 900_000_101, data: 100 });
  const { attempts } = explainAll(made);
  expect(attempts.map((a) => [a.verdict, a.outcome, a.certainty, a.evidence.synAckCount])).toEqual([
    ['completed', 'completed', 'certain', 1],
    ['completed', 'completed', 'likely', 1],
  ]);
  expect(attempts[0]!.notes).not.toContain('wrong-ack');
  expect(attempts[1]!.notes).toContain('syn-missing');
});
