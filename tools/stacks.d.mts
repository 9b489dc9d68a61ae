export function buildTiny(): string;
export function buildLwip(): string | null;
