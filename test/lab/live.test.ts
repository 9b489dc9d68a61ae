/** The commands of every topic, run on this kernel in namespaces of their own. */
import type { AddressInfo } from 'node:net';
import { describe, expect, test as plain } from 'vitest';
import { runLive } from '../../src/cli/lab-live.ts';
import { serveFolder } from '../../src/cli/lab-server.ts';
import { liveTopics } from '../../src/live/topics.ts';
import { root, testNeeding } from '../support/needs.ts';

const test = testNeeding('test/lab/live.test.ts', 'namespaces');

describe('the commands of topic', { timeout: 60_000 }, () => {
  for (const { topic, expect: pattern } of liveTopics)
    test(`${topic} show on this kernel what the topic tells`, async () => {
      const result = await runLive(topic);
      expect(result?.text).toMatch(new RegExp(pattern));
    });
});

plain('there are commands for each of the twelve topics', () => {
  expect(liveTopics.map(({ topic }) => topic)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

plain('they are run for the page that has the token, by number only', async () => {
  const ran: number[] = [];
  const server = serveFolder(root, {
    live: {
      token: 'right',
      async run(topic) {
        ran.push(topic);
        return topic > 12 ? null : { text: 'done', capture: '' };
      },
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ask = async (path: string, token: string, method = 'POST'): Promise<number> =>
    (
      await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
        method,
        headers: { 'x-lab-token': token },
      })
    ).status;
  expect(await ask('/live/7', 'wrong')).toBe(403);
  expect(await ask('/live/7', 'right', 'GET')).toBe(404);
  expect(await ask('/live/99', 'right')).toBe(404);
  expect(await ask('/live/7;id', 'right')).toBe(404);
  expect(await ask('/live/7', 'right')).toBe(200);
  expect(ran).toEqual([99, 7]);
  server.close();
});
