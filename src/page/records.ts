/** Records, their differences, and the events that made them. */
import type { Cause, LoggedEvent, TextRecord, ZoneChange } from '../history/answers.ts';
import { h } from './dom.ts';
import { hrefOf } from './place.ts';
import { countText, spanText } from './time.ts';
import { moment } from './view.ts';

/** A link to what a name was. */
export function nameLink(name: string, query: Readonly<Record<string, string | undefined>> = {}): HTMLElement {
  return h('a', { href: hrefOf(['name', name], query) }, name);
}

export function zoneLink(zone: string, at?: number): HTMLElement {
  return h(
    'a',
    { href: hrefOf(['zone', zone], { at: at === undefined ? undefined : String(at) }), class: 'mono' },
    zone,
  );
}

/** The data of a record; an address leads to who held it. */
export function dataOf({ type, data }: TextRecord): HTMLElement {
  if (type === 'A' || type === 'AAAA') return h('a', { href: hrefOf(['address', data]) }, data);
  return h('span', {}, data);
}

/** Records of one name, line by line. */
export function recordLines(records: readonly TextRecord[]): HTMLElement {
  const line = (record: TextRecord) => h('li', {}, `${record.ttl} ${record.type} `, dataOf(record));
  return h('ul', { class: 'lines plain' }, records.map(line));
}

/** What was removed and added, line by line. */
export function differenceLines(
  removed: readonly TextRecord[],
  added: readonly TextRecord[],
  withOwner: boolean,
): HTMLElement {
  const line = (sign: '−' | '+', word: string) => (record: TextRecord) =>
    h(
      'li',
      { class: word },
      h('span', { 'aria-hidden': 'true' }, sign),
      h(
        'span',
        {},
        h('span', { class: 'unseen' }, `${word}: `),
        withOwner && [nameLink(record.owner), ' '],
        `${record.ttl} ${record.type} `,
        dataOf(record),
      ),
    );
  return h('ul', { class: 'lines' }, removed.map(line('−', 'removed')), added.map(line('+', 'added')));
}

/** `ServiceUpserted` of what, where, by whom. */
export function eventText(event: LoggedEvent): HTMLElement {
  const { event: what, kind, namespace, name, cluster, manager, resourceVersion, detail } = event;
  const object = namespace === undefined ? name : `${namespace}/${name}`;
  const verb = what.startsWith(kind) ? what.slice(kind.length).toLowerCase() : what;
  const whole = kind === 'Plan' ? 'The zones of the Corefile were changed' : `${kind} ${object} ${verb}`;
  return h(
    'span',
    { class: 'breakable' },
    h('strong', {}, whole),
    detail !== undefined && ` (${detail})`,
    cluster !== '' && [' in ', h('span', { class: 'mono' }, cluster)],
    manager !== undefined && [' by ', h('strong', {}, manager)],
    resourceVersion !== undefined &&
      h('span', { class: 'muted', title: 'resourceVersion' }, ` · rv ${resourceVersion}`),
  );
}

/** An event and what it changed in its object, old → new. */
export function causeBlock(cause: Cause): HTMLElement {
  const shown = cause.changes.slice(0, 12);
  return h(
    'div',
    { class: 'cause' },
    eventText(cause),
    shown.length > 0 &&
      h(
        'ul',
        { class: 'mono breakable' },
        shown.map(({ path, old, new: next }) =>
          h(
            'li',
            {},
            `${path}: `,
            old !== undefined && JSON.stringify(old),
            h('span', { class: 'arrow' }, old === undefined ? 'new ' : next === undefined ? ' gone' : ' → '),
            next !== undefined && JSON.stringify(next),
          ),
        ),
        cause.changes.length > shown.length &&
          h('li', { class: 'muted' }, `and ${cause.changes.length - shown.length} more`),
      ),
  );
}

/** Events below what they brought about. */
export function eventList(events: readonly LoggedEvent[], isTimed = false, most = 8): HTMLElement[] {
  const shown = events
    .slice(0, most)
    .map((event) => h('div', { class: 'cause' }, isTimed && [moment(event.time), ' '], eventText(event)));
  const rest = events.length - shown.length;
  return rest > 0 ? [...shown, h('div', { class: 'cause muted' }, `and ${rest} more`)] : shown;
}

/** A version and what it changed. */
export function changeEntry(change: ZoneChange, isFresh = false): HTMLElement {
  const { zone, version, from, removed, added, removedCount, addedCount, events } = change;
  const rest = removedCount + addedCount - removed.length - added.length;
  return h(
    'li',
    { class: isFresh ? 'entry fresh' : 'entry' },
    h(
      'div',
      { class: 'when' },
      moment(version.time),
      zoneLink(zone, version.serial),
      version.serial !== undefined && h('span', { class: 'muted' }, `serial ${version.serial}`),
      from === undefined && h('span', { class: 'badge' }, 'first version'),
      from !== undefined &&
        h('span', { class: 'muted' }, `after ${spanText(Date.parse(version.time) - Date.parse(from.time))}`),
    ),
    differenceLines(removed, added, true),
    rest > 0 &&
      h(
        'p',
        { class: 'muted' },
        `and ${countText(rest)} more: `,
        h(
          'a',
          { href: hrefOf(['diff', zone], { from: String(from?.serial), to: String(version.serial) }) },
          'all of them',
        ),
      ),
    eventList(events),
  );
}
