/** What this browser keeps of a reader's way: steps told, answers given, exercises solved. Nothing leaves the browser. */

export const stored = (key: string): string | null => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
};
export const store = (key: string, value: string): void => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows and sandboxed frames have no storage: what is kept then lasts as long as the page.
  }
};

/** Of one scenario. */
interface Way {
  /** The step told last. */
  readonly step: number;
  /** The farthest one told. */
  readonly farthest: number;
  readonly steps: number;
  readonly answers: Readonly<Record<number, number>>;
}

interface Kept {
  readonly ways: Readonly<Record<string, Way>>;
  /** Solutions by exercise: the changes in the form of a link. */
  readonly solved: Readonly<Record<string, string>>;
}

const isKept = (value: unknown): value is Kept =>
  typeof value === 'object' && value !== null && 'ways' in value && 'solved' in value;

function read(): Kept {
  try {
    const value: unknown = JSON.parse(stored('progress') ?? 'null');
    return isKept(value) ? value : { ways: {}, solved: {} };
  } catch {
    // Another version wrote it, or somebody else.
    return { ways: {}, solved: {} };
  }
}

export class Progress {
  private kept: Kept = $state.raw(read());

  private keep(kept: Kept): void {
    this.kept = kept;
    store('progress', JSON.stringify(kept));
  }

  private way(id: string): Way {
    return this.kept.ways[id] ?? { step: 0, farthest: -1, steps: 0, answers: {} };
  }

  visit(id: string, step: number, steps: number): void {
    const way = this.way(id);
    const farthest = Math.max(way.farthest, step);
    this.keep({ ...this.kept, ways: { ...this.kept.ways, [id]: { ...way, step, farthest, steps } } });
  }

  reply(id: string, step: number, answer: number): void {
    const way = this.way(id);
    const answers = { ...way.answers, [step]: answer };
    this.keep({ ...this.kept, ways: { ...this.kept.ways, [id]: { ...way, answers } } });
  }

  solve(exercise: string, changes: string): void {
    if (this.kept.solved[exercise] === changes) return;
    this.keep({ ...this.kept, solved: { ...this.kept.solved, [exercise]: changes } });
  }

  answer = (id: string, step: number): number | null => this.kept.ways[id]?.answers[step] ?? null;
  stepOf = (id: string): number => this.kept.ways[id]?.step ?? 0;
  solution = (exercise: string): string | null => this.kept.solved[exercise] ?? null;
  /** Share of the steps told, 0 to 1. */
  share = (id: string): number => {
    const way = this.kept.ways[id];
    return way === undefined || way.steps === 0 ? 0 : (way.farthest + 1) / way.steps;
  };

  forget(): void {
    this.keep({ ways: {}, solved: {} });
  }
}

/** Scripts as they were edited, by name; kept over a reload. */
export class Drafts {
  private readonly texts = new Map<string, string>(readDrafts());

  get = (name: string): string | undefined => this.texts.get(name);

  set(name: string, text: string): void {
    this.texts.set(name, text);
    this.keep();
  }

  delete(name: string): void {
    if (this.texts.delete(name)) this.keep();
  }

  private keep(): void {
    store('drafts', JSON.stringify([...this.texts]));
  }
}

function readDrafts(): [string, string][] {
  try {
    const value: unknown = JSON.parse(stored('drafts') ?? '[]');
    const isDraft = (it: unknown): it is [string, string] =>
      Array.isArray(it) && it.length === 2 && it.every((part) => typeof part === 'string');
    return Array.isArray(value) ? value.filter(isDraft) : [];
  } catch {
    // Another version wrote it, or somebody else.
    return [];
  }
}
