/** The public face of the views: ladder diagrams, what the codes mean, and explained attempts for people. */
export { type LadderPacket, ladderLines, ladderPackets } from './attempt-ladder.ts';
export { AttemptPage, pageLimits } from './attempt-page.ts';
export { attemptLines, facts, shownText, summaryLines, type TextStyle } from './attempt-text.ts';
export type { AttemptWords, FactLabel } from './attempt-texts.ts';
export { attemptWords } from './attempt-words.ts';
export { type LadderOptions, ladder } from './ladder.ts';
export {
  type Lanes,
  type NoteRow,
  type PacketRow,
  type Row,
  type RowEnd,
  rowsOf,
  type Side,
} from './rows.ts';
export { type Language, sentence, type Words, words } from './words.ts';
