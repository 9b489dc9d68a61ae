import { expect, test } from 'vitest';
import { Completions, Timestamping } from './completions.ts';
import { ErrorOrigin, type QueuedError } from './error-queue.ts';

const collected = (): [QueuedError[], (error: QueuedError) => void] => {
  const errors: QueuedError[] = [];
  return [errors, (error): void => void errors.push(error)];
};

test('a completion comes when the last byte of its call is acknowledged, across the wrap of numbers', () => {
  const completions = new Completions();
  const [errors, queue] = collected();
  completions.zeroCopied(0x7fffff00 | 0, false);
  completions.zeroCopied(-0x7fffff00, false);
  completions.acknowledged(0x7ffffeff | 0, 0, queue);
  expect(errors).toEqual([]);
  completions.acknowledged(-0x7fffff00, 0, queue);
  expect(errors.map(({ origin, info, data }) => [origin, info, data])).toEqual([
    [ErrorOrigin.zerocopy, 0, 0],
    [ErrorOrigin.zerocopy, 1, 1],
  ]);
});

test('calls that share a segment are completed together, and all that is left when the connection is over', () => {
  const completions = new Completions();
  const [errors, queue] = collected();
  completions.zeroCopied(100, false);
  completions.zeroCopied(200, true);
  completions.acknowledged(100, 0, queue);
  expect(errors).toEqual([]);
  completions.over(queue);
  completions.over(queue);
  expect(errors.map(({ info, data }) => [info, data])).toEqual([[0, 1]]);
});

test('the last byte of a call is stamped when it is scheduled, sent and acknowledged, by its number', () => {
  const completions = new Completions();
  const [errors, queue] = collected();
  const { txSched, txSoftware, txAck, software, optId } = Timestamping;
  completions.setTimestamping(txSched | txSoftware | txAck | software | optId, 1000);
  completions.written(3000);
  completions.sent(1000, 2000, 5, queue);
  expect(errors).toEqual([]);
  completions.sent(2000, 3000, 7, queue);
  completions.sent(2000, 3000, 8, queue);
  completions.acknowledged(2999, 9, queue);
  completions.acknowledged(3000, 10, queue);
  expect(errors.map(({ info, data, stampedAt }) => [info, data, stampedAt])).toEqual([
    [1, 1999, 7],
    [0, 1999, 7],
    [2, 1999, 10],
  ]);
});
