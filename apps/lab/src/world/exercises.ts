/** All exercises: every file of the folder, in the order of their names. */
import type { Exercise } from './exercise.ts';

const files = import.meta.glob<Omit<Exercise, 'id'>>('../../exercises/*.json', {
  eager: true,
  import: 'default',
});

export const exercises: readonly Exercise[] = Object.entries(files)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([path, exercise]) => ({ ...exercise, id: path.slice(path.lastIndexOf('/') + 1, -'.json'.length) }));
