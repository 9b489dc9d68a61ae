export * from './support/needs.ts';
