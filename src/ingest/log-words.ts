/** The words of the log: clusters, kinds and managers stand in its rows as numbers. */
import type { Database } from '../database.ts';

export class LogWords {
  readonly #ids = new Map<string, number>();
  readonly #texts = new Map<number, string>();
  readonly #find;
  readonly #read;
  readonly #add;

  constructor(db: Database) {
    this.#find = db.prepare<[string], number>('SELECT id FROM word WHERE text = ?').pluck();
    this.#read = db.prepare<[number], string>('SELECT text FROM word WHERE id = ?').pluck();
    this.#add = db.prepare<[string]>('INSERT INTO word (text) VALUES (?)');
  }

  /** The number of a word; undefined: no row has it. */
  find(text: string): number | undefined {
    const id = this.#ids.get(text) ?? this.#find.get(text);
    if (id !== undefined) this.#ids.set(text, id);
    return id;
  }

  /** The number of a word: found, or given. */
  idOf(text: string): number {
    const known = this.find(text);
    if (known !== undefined) return known;
    const id = Number(this.#add.run(text).lastInsertRowid);
    this.#ids.set(text, id);
    return id;
  }

  /** A number without a word is a breach of the chain, and told there: its hash can't be that of the empty text. */
  textOf(id: number): string {
    const known = this.#texts.get(id);
    if (known !== undefined) return known;
    const text = this.#read.get(id) ?? '';
    this.#texts.set(id, text);
    return text;
  }

  /** After a rollback: numbers given to words may be gone. */
  forget(): void {
    this.#ids.clear();
    this.#texts.clear();
  }
}
