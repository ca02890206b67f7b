/**
 * Watches: a stream of JSON lines, beginning with what was missed since a resourceVersion, or with all objects.
 *
 * It keeps to what the watch cache of a real API server does in the corners: a resourceVersion from the future is
 * accepted, and the watch stays silent, bookmarks included, until the server has caught up with it; so after an API
 * server came back with older data, a client that resumes learns nothing.
 */
import type { Body } from './body.ts';
import type { Collection } from './collection.ts';
import { parseResourceVersion } from './list.ts';
import { apiVersionOf } from './resources.ts';
import { isTrue } from './route.ts';
import { parseSelection, type Selection } from './selectors.ts';
import { expired, type Failure, invalid, isFailure, statusObject, tooLargeResourceVersion } from './status.ts';
import { type StoredEvent, type StoredObject, textOf, withResourceVersion } from './store.ts';

/** A client that leaves this much unread is cut off. */
const UNREAD_LIMIT = 64 * 1024 * 1024;
/** The same, in lines, while it still gets its initial events. */
const BACKLOG_LIMIT = 200_000;

export interface WatchRequest {
  readonly resourceVersion: number;
  readonly select: Selection;
  readonly version: string;
  readonly hasBookmarks: boolean;
  /** Send all objects first, and then a bookmark that says so: the WatchList feature. */
  readonly isWatchList: boolean;
  /** Send all objects first, without a mark at their end: a watch from resourceVersion 0 or none. */
  readonly hasInitialEvents: boolean;
  readonly timeoutSeconds: number;
}

export function parseWatch(
  collection: Collection,
  namespace: string | undefined,
  version: string,
  params: URLSearchParams,
  server: { resourceVersion: number; hasWatchList: boolean },
): WatchRequest | Failure {
  const selection = parseSelection(collection.type, namespace, params);
  if (isFailure(selection)) return selection;
  const resourceVersion = parseResourceVersion(params);
  if (typeof resourceVersion === 'object') return resourceVersion;
  const initial = params.get('sendInitialEvents');
  if (initial !== null) {
    if (!server.hasWatchList) return invalid('sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch');
    if (params.get('resourceVersionMatch') !== 'NotOlderThan') {
      return invalid('resourceVersionMatch: Forbidden: sendInitialEvents requires resourceVersionMatch=NotOlderThan');
    }
  } else if (params.has('resourceVersionMatch')) {
    return invalid('resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch');
  }
  const isWatchList = isTrue(initial);
  if (isWatchList && resourceVersion > server.resourceVersion) {
    return tooLargeResourceVersion(resourceVersion, server.resourceVersion);
  }
  return {
    resourceVersion,
    select: selection.select,
    version,
    hasBookmarks: isTrue(params.get('allowWatchBookmarks')),
    isWatchList,
    hasInitialEvents: initial === null && resourceVersion === 0,
    timeoutSeconds: Number(params.get('timeoutSeconds') ?? 0) || 30 * 60,
  };
}

export class Watch {
  readonly collection: Collection;
  readonly body: Body;
  readonly #request: WatchRequest;
  /** Events at or below this version aren't sent. */
  #resourceVersion: number;
  /** Lines that came while the initial events were still on their way. */
  #backlog: string[] | undefined = [];
  #timers: NodeJS.Timeout[] = [];
  #isEnded = false;

  constructor(collection: Collection, request: WatchRequest, body: Body) {
    this.collection = collection;
    this.body = body;
    this.#request = request;
    this.#resourceVersion = request.resourceVersion;
  }

  /** Sends the first events. What happens meanwhile must already be given to `deliver`. */
  async start(current: number, bookmarkInterval: number, currentVersion: () => number): Promise<void> {
    const { isWatchList, hasInitialEvents, hasBookmarks, resourceVersion } = this.#request;
    const missed = isWatchList || hasInitialEvents ? [] : this.collection.eventsAfter(resourceVersion || current);
    if (!missed) {
      this.#backlog = undefined;
      const oldest = this.collection.oldestResourceVersion;
      this.fail(expired(`too old resource version: ${resourceVersion} (${oldest})`));
      return;
    }
    this.#timers = [
      setTimeout(() => this.end(), Math.min(this.#request.timeoutSeconds * 1000, 2 ** 31 - 1)).unref(),
      setInterval(() => this.#bookmark(currentVersion()), bookmarkInterval).unref(),
    ];
    if (isWatchList || hasInitialEvents) {
      this.#resourceVersion = current;
      for (const object of this.collection.ordered()) {
        if (this.#request.select(object)) await this.body.write(line('ADDED', textOf(object, this.#request.version)));
        if (this.#isEnded) return;
      }
      if (isWatchList && hasBookmarks) this.body.write(this.#bookmarkLine(current, true));
    }
    const backlog = this.#backlog ?? [];
    this.#backlog = undefined;
    for (const event of missed) this.deliver(event);
    for (const text of backlog) this.#send(text);
  }

  /** Sends an event if the watch is for it. An object that leaves the selection is deleted in this watch's eyes. */
  deliver(event: StoredEvent): void {
    if (this.#isEnded || event.resourceVersion <= this.#resourceVersion) return;
    const { select, version } = this.#request;
    const wasSelected = event.previous !== undefined && select(event.previous);
    const isSelected = event.type !== 'DELETED' && select(event.object);
    if (isSelected) this.#send(line(wasSelected ? 'MODIFIED' : 'ADDED', textOf(event.object, version)));
    else if (wasSelected) this.#send(line('DELETED', textOf(lastSelected(event), version)));
  }

  /** Ends the stream as a server does whose timeout is over. */
  end(): void {
    this.stop();
    this.body.end();
  }

  /** Ends the stream with an ERROR event. */
  fail(failure: Failure): void {
    this.#send(line('ERROR', JSON.stringify(statusObject(failure))));
    this.end();
  }

  stop(): void {
    this.#isEnded = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #bookmark(current: number): void {
    if (!this.#request.hasBookmarks || this.#backlog || current < this.#resourceVersion) return;
    this.#send(this.#bookmarkLine(current, false));
  }

  #bookmarkLine(resourceVersion: number, isEndOfInitialEvents: boolean): string {
    const annotations = isEndOfInitialEvents ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    const object = {
      kind: this.collection.type.kind,
      apiVersion: apiVersionOf(this.collection.type, this.#request.version),
      metadata: { resourceVersion: String(resourceVersion), creationTimestamp: null, ...annotations },
    };
    return line('BOOKMARK', JSON.stringify(object));
  }

  #send(text: string): void {
    if (this.#isEnded) return;
    if (this.#backlog) {
      this.#backlog.push(text);
      if (this.#backlog.length > BACKLOG_LIMIT) this.#cutOff();
      return;
    }
    this.body.write(text);
    if (this.body.buffered > UNREAD_LIMIT) this.#cutOff();
  }

  #cutOff(): void {
    this.stop();
    this.body.destroy();
  }
}

function line(type: StoredEvent['type'] | 'BOOKMARK' | 'ERROR', object: string): string {
  return `{"type":"${type}","object":${object}}\n`;
}

/** What a watch is sent when an object goes: its last state in the selection, under the version of its going. */
function lastSelected(event: StoredEvent): StoredObject {
  if (event.type === 'DELETED' || !event.previous) return event.object;
  return withResourceVersion(event.previous, event.resourceVersion);
}
