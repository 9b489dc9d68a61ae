/** Writes one capture. */
export function generate(
  kind: 'connections' | 'data',
  path: string,
  connections: number,
): { packets: number; bytes: number };
