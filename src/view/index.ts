/** The public face of the views: ladder diagrams, and what the codes mean. */
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
