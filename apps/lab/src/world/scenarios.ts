/** All scenarios: every file of the folder, in the order of their names. */
import type { Scenario } from './scenario.ts';

const files = import.meta.glob<Omit<Scenario, 'id'>>('../../scenarios/*.json', {
  eager: true,
  import: 'default',
});

export const scenarios: readonly Scenario[] = Object.entries(files)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([path, scenario]) => ({ ...scenario, id: path.slice(path.lastIndexOf('/') + 1, -'.json'.length) }));
