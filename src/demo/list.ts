/** Lists, in pages that all show the same moment however long a client takes to fetch them. */
import type { Body } from './body.ts';
import type { Collection } from './collection.ts';
import { apiVersionOf } from './resources.ts';
import { parseSelection } from './selectors.ts';
import { badRequest, expired, type Failure, invalid, isFailure, tooLargeResourceVersion } from './status.ts';
import { type StoredObject, textOf } from './store.ts';

/** Snapshots of half-fetched lists; the oldest goes when there are more, and its reader is told to start anew. */
const SNAPSHOT_LIMIT = 256;
/** Characters put together before they are written. */
const CHUNK = 64 * 1024;

interface Snapshot {
  readonly items: readonly StoredObject[];
  readonly resourceVersion: number;
}

export interface ListPage {
  readonly items: readonly StoredObject[];
  readonly resourceVersion: number;
  readonly continueToken: string | undefined;
  /** Left out where a selector filters, as by a real server. */
  readonly remaining: number | undefined;
}

export class Lists {
  readonly #snapshots = new Map<string, Snapshot>();
  #nextId = 1;

  /** The page that a list request asks for. */
  page(
    collection: Collection,
    resourceVersion: number,
    namespace: string | undefined,
    params: URLSearchParams,
  ): ListPage | Failure {
    const selection = parseSelection(collection.type, namespace, params);
    if (isFailure(selection)) return selection;
    const limit = Number(params.get('limit') ?? 0);
    if (!Number.isInteger(limit) || limit < 0) return badRequest(`invalid limit: ${params.get('limit')}`);
    const token = params.get('continue') ?? '';
    let snapshot: Snapshot;
    let id: string;
    let start = 0;
    if (token === '') {
      const problem = checkVersion(resourceVersion, params);
      if (problem) return problem;
      const all = collection.ordered();
      const isWhole = namespace === undefined && !selection.isFiltered;
      snapshot = { items: isWhole ? all : all.filter(selection.select), resourceVersion };
      id = String(this.#nextId++);
    } else {
      [id = '', start = 0] = decodeToken(token);
      const known = this.#snapshots.get(id);
      if (!known) return expired('The provided continue parameter is too old to display a consistent list result.');
      snapshot = known;
    }
    const end = limit > 0 ? Math.min(start + limit, snapshot.items.length) : snapshot.items.length;
    const isLast = end >= snapshot.items.length;
    if (isLast) this.#snapshots.delete(id);
    else this.#keep(id, snapshot);
    return {
      items: start === 0 && isLast ? snapshot.items : snapshot.items.slice(start, end),
      resourceVersion: snapshot.resourceVersion,
      continueToken: isLast ? undefined : encodeToken(id, end),
      remaining: isLast || selection.isFiltered ? undefined : snapshot.items.length - end,
    };
  }

  /** All half-fetched lists expire. */
  forget(): void {
    this.#snapshots.clear();
  }

  #keep(id: string, snapshot: Snapshot): void {
    this.#snapshots.delete(id);
    this.#snapshots.set(id, snapshot);
    for (const oldest of this.#snapshots.keys()) {
      if (this.#snapshots.size <= SNAPSHOT_LIMIT) break;
      this.#snapshots.delete(oldest);
    }
  }
}

/** Writes a page. Items of built-in kinds come without kind and apiVersion, as real API servers send them. */
export async function writeList(body: Body, collection: Collection, version: string, page: ListPage): Promise<void> {
  const { type } = collection;
  const metadata = {
    resourceVersion: String(page.resourceVersion),
    ...(page.continueToken === undefined ? {} : { continue: page.continueToken }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
  const head = { kind: `${type.kind}List`, apiVersion: apiVersionOf(type, version), metadata };
  let text = `${JSON.stringify(head).slice(0, -1)},"items":[`;
  let separator = '';
  for (const item of page.items) {
    text += separator + (type.isCustom ? textOf(item, version) : `{${item.body}`);
    separator = ',';
    if (text.length < CHUNK) continue;
    await body.write(text);
    text = '';
  }
  await body.write(`${text}]}\n`);
  body.end();
}

/** The resourceVersion of a list request is a wish for freshness, or, with match=Exact, for one moment. */
function checkVersion(current: number, params: URLSearchParams): Failure | undefined {
  const wanted = parseResourceVersion(params);
  if (typeof wanted === 'object') return wanted;
  const match = params.get('resourceVersionMatch') ?? '';
  if (match !== '' && !params.get('resourceVersion')) {
    return invalid('resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (wanted > current) return tooLargeResourceVersion(wanted, current);
  if (match === 'Exact' && wanted < current) return expired(`The resourceVersion for the provided list is too old.`);
  return undefined;
}

/** 0 when absent. */
export function parseResourceVersion(params: URLSearchParams): number | Failure {
  const text = params.get('resourceVersion') ?? '';
  if (text === '') return 0;
  return /^\d+$/.test(text) ? Number(text) : badRequest(`Invalid value: "${text}": invalid resource version`);
}

function encodeToken(id: string, offset: number): string {
  return Buffer.from(JSON.stringify([id, offset])).toString('base64url');
}

function decodeToken(token: string): [string?, number?] {
  const match = /^\["(\d+)",(\d+)\]$/.exec(Buffer.from(token, 'base64url').toString());
  return match ? [match[1] ?? '', Number(match[2])] : [];
}
