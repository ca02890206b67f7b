/**
 * The log by object: which objects have a key or a term, and the events of one of them, whole, without reading the others.
 * Each question is put to one state of the database by whoever asks inside a transaction.
 */
import type { Database } from '../database.ts';
import { OperatorError } from '../errors.ts';
import type { ClusterEvent, ClusterId, Position } from './event.ts';
import { contentOf } from './log-decode.ts';
import { eventOf, type Facts, type StoredEvent } from './log-row.ts';
import { LogWords } from './log-words.ts';

export { plainEvent } from './log-row.ts';
export { termsOf } from './terms.ts';

/** What events are about; `kind` may also be 'Cluster', 'Plan', 'Zone', 'Member'. */
export interface LoggedObject {
  readonly id: number;
  readonly cluster: ClusterId;
  readonly kind: string;
  readonly key: string;
}

export interface ObjectEvent {
  readonly position: Position;
  readonly batch: number;
  readonly event: ClusterEvent;
}

interface Row {
  readonly position: Position;
  readonly batch: number;
  readonly kind: number;
  readonly body: string | null;
  readonly checksum: number | null;
  readonly schema: number;
  readonly resource_version: string | null;
  readonly manager: number | null;
}

const COLUMNS = 'position, batch, kind, body, checksum, schema, resource_version, manager';
const SELECT_OBJECT = `SELECT object.id, cluster.text AS cluster, kind.text AS kind, object.key FROM object
  JOIN word AS cluster ON cluster.id = object.cluster JOIN word AS kind ON kind.id = object.kind`;

/** Events of an object that are read at first, and then at a time, on the way back to a whole body: 128 at most, as written. */
const FIRST_ROWS = 32;
const MORE_ROWS = 96;

export class ObjectLog {
  readonly #db: Database;
  readonly #words: LogWords;
  readonly #find;
  readonly #ofKind;
  readonly #mentioning;
  readonly #mentioningBelow;
  readonly #inNamespace;
  readonly #objectsIn;
  readonly #positions;
  readonly #lastOf;
  readonly #events;
  readonly #eventsBack;
  readonly #services;

  constructor(db: Database) {
    this.#db = db;
    this.#words = new LogWords(db);
    this.#find = db
      .prepare<[number, number, string], number>('SELECT id FROM object WHERE kind = ? AND cluster = ? AND key = ?')
      .pluck();
    this.#ofKind = db.prepare<[number], LoggedObject>(`${SELECT_OBJECT} WHERE object.kind = ?`);
    this.#mentioning = db.prepare<[string], LoggedObject>(
      `${SELECT_OBJECT} WHERE object.id IN (SELECT object FROM mention WHERE term = ?)`,
    );
    this.#mentioningBelow = db.prepare<[{ suffix: string; most: number }], LoggedObject>(
      `${SELECT_OBJECT} WHERE object.id IN
         (SELECT object FROM mention WHERE substr(term, -length(@suffix)) = @suffix LIMIT @most)`,
    );
    this.#inNamespace = db.prepare<[number, number, string, string, number], LoggedObject>(
      `${SELECT_OBJECT} WHERE object.kind = ? AND object.cluster = ? AND object.key >= ? AND object.key < ? LIMIT ?`,
    );
    this.#objectsIn = db.prepare<[Position, Position], LoggedObject>(
      `${SELECT_OBJECT} WHERE object.id IN (SELECT object FROM event WHERE position BETWEEN ? AND ?)`,
    );
    this.#positions = db
      .prepare<[number, Position, Position, number], Position>(
        'SELECT position FROM event WHERE object = ? AND position BETWEEN ? AND ? ORDER BY position DESC LIMIT ?',
      )
      .pluck();
    this.#lastOf = db
      .prepare<[number, Position, Position, string], Position>(
        `SELECT position FROM event WHERE object = ? AND position BETWEEN ? AND ?
           AND +kind = (SELECT id FROM word WHERE text = ?) ORDER BY position DESC LIMIT 1`,
      )
      .pluck();
    this.#events = db.prepare<[number, Position, Position], Row>(
      `SELECT ${COLUMNS} FROM event WHERE object = ? AND position BETWEEN ? AND ? ORDER BY position`,
    );
    this.#eventsBack = db.prepare<[number, Position, Position, number], Row>(
      `SELECT ${COLUMNS} FROM event WHERE object = ? AND position BETWEEN ? AND ? ORDER BY position DESC LIMIT ?`,
    );
    this.#services = db
      .prepare<[{ object: number }], string | null>(
        `SELECT json_extract(body, '$.service') FROM event WHERE object = @object AND checksum IS NULL AND body IS NOT NULL
         UNION SELECT json_extract(body, '$.imported.service') FROM event
           WHERE object = @object AND checksum IS NULL AND body IS NOT NULL
         UNION SELECT atom.value FROM event, json_tree(event.body) AS atom
           WHERE object = @object AND checksum IS NOT NULL AND instr(body, '"service"') > 0 AND atom.type = 'text'`,
      )
      .pluck();
  }

  find(cluster: string, kind: string, key: string): LoggedObject | undefined {
    const [kindId, clusterId] = [this.#words.find(kind), this.#words.find(cluster)];
    if (kindId === undefined || clusterId === undefined) return undefined;
    const id = this.#find.get(kindId, clusterId, key);
    return id === undefined ? undefined : { id, cluster: cluster as ClusterId, kind, key };
  }

  /** The objects of a kind, in all clusters: for kinds that have few. */
  ofKind(kind: string): LoggedObject[] {
    const id = this.#words.find(kind);
    return id === undefined ? [] : this.#ofKind.all(id);
  }

  /** The objects that ever had a term (terms.ts), and maybe others. */
  mentioning(term: string): LoggedObject[] {
    return this.#mentioning.all(term);
  }

  /** The objects that ever had a term that ends so, and maybe others; so many at most. All terms are looked through. */
  mentioningBelow(suffix: string, most: number): LoggedObject[] {
    return this.#mentioningBelow.all({ suffix, most });
  }

  /** The objects of a kind that there ever were in a namespace; so many at most. */
  inNamespace(cluster: string, kind: string, namespace: string, most: number): LoggedObject[] {
    const [kindId, clusterId] = [this.#words.find(kind), this.#words.find(cluster)];
    if (kindId === undefined || clusterId === undefined) return [];
    return this.#inNamespace.all(kindId, clusterId, `${namespace}/`, `${namespace}0`, most);
  }

  /** The objects that events in a range are about, each once. */
  objectsIn(from: Position, to: Position): LoggedObject[] {
    return this.#objectsIn.all(from, to);
  }

  /** Positions of an object's events, `from` and `to` among them, newest first. */
  positions({ id }: LoggedObject, from: Position, to: Position, limit: number): Position[] {
    return this.#positions.all(id, from, to, limit);
  }

  /** Position of the newest event of an object among those; of one kind of event, if one is given. */
  lastPosition(object: LoggedObject, from: Position, to: Position, event?: string): Position | undefined {
    return event === undefined
      ? this.#positions.all(object.id, from, to, 1)[0]
      : this.#lastOf.get(object.id, from, to, event);
  }

  /**
   * The facts of an object after its last event at or before `to`; undefined when it is not there.
   * @param from no event before it counts: the object was forgotten then, or `base` has what came before
   * @throws OperatorError where the log is damaged
   */
  factsAt(object: LoggedObject, from: Position, to: Position, base?: () => Facts | undefined): Facts | undefined {
    const rows = this.#rowsSinceWhole(object, from, to);
    let facts = rows[0]?.checksum === null ? undefined : base?.();
    for (const row of rows) {
      const event = this.#event(object, row, facts);
      facts = 'facts' in event ? event.facts : undefined;
    }
    return facts;
  }

  /** The newest event of an object in a range whose body is whole, and those after it, oldest first; all, if there is none. */
  #rowsSinceWhole({ id }: LoggedObject, from: Position, to: Position): Row[] {
    const rows: Row[] = [];
    for (let last = to, limit = FIRST_ROWS; ; limit = MORE_ROWS) {
      const page = this.#eventsBack.all(id, from, last, limit);
      for (const row of page) {
        rows.push(row);
        if (row.checksum === null) return rows.reverse();
      }
      const oldest = page.at(-1);
      if (oldest === undefined || page.length < limit) return rows.reverse();
      last = oldest.position - 1;
    }
  }

  /**
   * The events of an object from a position to another, oldest first.
   * @param before its facts before the first of them
   * @throws OperatorError where the log is damaged
   */
  *events(object: LoggedObject, from: Position, to: Position, before: Facts | undefined): Generator<ObjectEvent> {
    let facts = before;
    for (const row of this.#events.all(object.id, from, to)) {
      const event = this.#event(object, row, facts);
      facts = 'facts' in event ? event.facts : undefined;
      yield { position: row.position, batch: row.batch, event };
    }
  }

  /** @param before the facts of its object before it */
  #event(object: LoggedObject, row: Row, before: Facts | undefined): ClusterEvent {
    const stored = this.#stored(object, row);
    const content = contentOf(stored, () => before);
    const event = content.ok ? eventOf(stored, content.value) : content;
    if (event.ok) return event.value;
    throw new OperatorError(
      `${this.#db.name}: the event log is damaged at event ${row.position}: ${event.error}; 'zonelog verify' tells more`,
    );
  }

  /** Names of the services that an EndpointSlice was ever told to belong to, as far as the log goes back; maybe others. */
  servicesOf(slice: LoggedObject): string[] {
    return this.#services.all({ object: slice.id }).filter((name) => name !== null);
  }

  #stored({ cluster, kind: object, key }: LoggedObject, row: Row): StoredEvent {
    const { kind, body, checksum, schema, resource_version: resourceVersion, manager } = row;
    return {
      cluster,
      object,
      key,
      kind: this.#words.textOf(kind),
      body,
      checksum,
      schema,
      resourceVersion,
      manager: manager === null ? null : this.#words.textOf(manager),
    };
  }
}
