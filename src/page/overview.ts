/** How everything stands. */
import type { VersionDensity } from '../history/answers.ts';
import type { Overview, Sent } from '../web/schemas.ts';
import { ask, path } from './api.ts';
import { bars } from './chart.ts';
import { type Child, h, panel, replace } from './dom.ts';
import { zoneLink } from './records.ts';
import { countText, octetsText, spanText } from './time.ts';
import { every, fill, heading, moment, type View } from './view.ts';

type Answer = Sent<typeof Overview>;

/** Milliseconds between two looks. */
const LOOK_EVERY = 5_000;
/** Zones that get a drawing of their last hour. */
const MOST_SPARKS = 16;

export const overviewView: View = ({ root, signal }) => {
  const facts = h('dl', { class: 'facts' });
  const notes = h('div', {});
  const [clusters, zones, secondaries] = [panel('Clusters'), panel('Zones'), panel('Secondaries')];
  const incoming = panel('Zones of other servers');
  incoming.root.hidden = true;
  const sparks = new Map<string, SVGElement>();
  replace(
    root,
    heading('Overview', 'Clusters, zones and secondaries, as they stand.'),
    notes,
    facts,
    clusters.root,
    zones.root,
    secondaries.root,
    incoming.root,
  );

  const load = async () => {
    const answer = await ask<Answer>('/overview', {}, signal);
    const now = Date.parse(answer.now);
    replace(
      notes,
      answer.logFailure !== undefined &&
        h('p', { class: 'note bad' }, `The log can’t be written: ${answer.logFailure}`),
    );
    for (const part of [zones.root, secondaries.root]) part.hidden = false;
    replace(facts, factsOf(answer));
    replace(clusters.body, clusterTable(answer, now));
    replace(zones.body, zoneTable(answer, now, sparks));
    replace(secondaries.body, secondaryTable(answer, now));
    // Most servers take none: then there is nothing to be said.
    incoming.root.hidden = answer.incoming.length === 0;
    replace(incoming.body, incomingTable(answer, now));
    const about = document.getElementById('about');
    if (about) about.textContent = `zonelog ${answer.version}`;
    return answer;
  };
  void fill(
    clusters.body,
    signal,
    async () => {
      const answer = await load();
      // After the numbers: a page without them is of use already.
      for (const { zone } of answer.zones.slice(0, MOST_SPARKS)) {
        const density = await ask<VersionDensity>(path`/zones/${zone}/density`, { from: '-1h', buckets: 30 }, signal);
        sparks.set(zone, bars(density.counts, 'spark'));
      }
      replace(zones.body, zoneTable(answer, Date.parse(answer.now), sparks));
    },
    [zones.root, secondaries.root],
  );
  every(LOOK_EVERY, signal, () => {
    // A link that is about to be followed stays where it is.
    if (root.contains(document.activeElement) && document.activeElement?.tagName === 'A') return;
    load().catch((error: unknown) => {
      if (!signal.aborted)
        replace(
          notes,
          h('p', { class: 'note warn' }, `Not up to date: ${error instanceof Error ? error.message : error}`),
        );
    });
  });
};

function factsOf({ log, lagSeconds }: Answer): Child {
  const fact = (name: string, value: string) => h('div', {}, h('dt', {}, name), h('dd', {}, value));
  return [
    fact('events in the log', countText(log.events)),
    fact('goes back', spanText(Date.parse(log.last.time) - Date.parse(log.first.time))),
    fact('size of the log', octetsText(log.octets)),
    lagSeconds !== undefined && fact('lag, from event to log', spanText(lagSeconds * 1000)),
  ];
}

/** A table whose rows become cards on a phone. */
function table(
  caption: string,
  columns: readonly string[],
  rows: readonly (readonly Child[])[],
  numbers: readonly number[],
  wide?: number,
): HTMLElement {
  const kind = (i: number) => (i === 0 ? 'main' : numbers.includes(i) ? 'number' : i === wide ? 'wide' : undefined);
  return h(
    'table',
    { class: 'cards' },
    h('caption', { class: 'unseen' }, caption),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        columns.map((name, i) => h('th', { scope: 'col', class: kind(i) }, name)),
      ),
    ),
    h(
      'tbody',
      {},
      rows.map((cells) =>
        h(
          'tr',
          {},
          cells.map((cell, i) => h('td', { class: kind(i), 'data-label': columns[i] ?? '' }, cell)),
        ),
      ),
    ),
  );
}

function empty(text: string): HTMLElement {
  return h('p', { class: 'empty' }, text);
}

function clusterTable({ clusters }: Answer, now: number): HTMLElement {
  if (clusters.length === 0) return empty('No zone is made of a cluster.');
  return table(
    'Clusters',
    ['Cluster', 'State', 'Events per minute', 'Events', 'Last event', 'Heard from'],
    clusters.map((cluster) => [
      h('span', { class: 'mono breakable' }, cluster.cluster),
      [stateOf(cluster), heldNote(cluster, now)],
      countText(Math.round(cluster.eventsPerMinute * 10) / 10),
      countText(cluster.events),
      cluster.lastEvent ? moment(cluster.lastEvent.time, now) : 'never',
      cluster.silentSeconds === undefined ? '–' : `${spanText(cluster.silentSeconds * 1000)} ago`,
    ]),
    [2, 3],
    1,
  );
}

/** `Service: refused` and `Pod: refused` are one: `Service, Pod: refused`. */
function groupReasons(lost: readonly string[]): string[] {
  const kinds = new Map<string, string[]>();
  for (const text of lost) {
    const [, kind = '', reason = text] = /^(\w+): (.*)$/s.exec(text) ?? [];
    kinds.set(reason, [...(kinds.get(reason) ?? []), kind]);
  }
  return [...kinds].map(([reason, of]) => (of.join('') === '' ? reason : `${of.join(', ')}: ${reason}`));
}

function stateOf({ isFollowed, isSynced, lost, kinds }: Answer['clusters'][number]): Child {
  if (lost.length > 0) {
    return [
      h('span', { class: 'badge bad' }, 'lost'),
      ' answers are from the log',
      groupReasons(lost).map((text) => h('div', { class: 'muted breakable' }, text)),
    ];
  }
  const waiting = kinds.filter(({ state }) => state === 'never').map(({ kind }) => kind);
  if (!isSynced) return [h('span', { class: 'badge warn' }, 'not synced'), ` ${waiting.join(', ')}`];
  return isFollowed ? h('span', { class: 'badge good' }, 'in sync') : h('span', { class: 'badge' }, 'not followed');
}

/** A list that is not believed: somebody should look. */
function heldNote({ held }: Answer['clusters'][number], now: number): Child {
  if (held === undefined) return '';
  return h(
    'div',
    { class: 'note warn' },
    `The guard holds ${countText(held.deletions)} deletions (${held.kinds.join(', ')}) since `,
    moment(held.since, now),
    ', until ',
    moment(held.until),
    ' at most.',
  );
}

function zoneTable({ zones }: Answer, now: number, sparks: ReadonlyMap<string, SVGElement>): HTMLElement {
  if (zones.length === 0) return empty('There are no zones.');
  return table(
    'Zones',
    ['Zone', 'Serial', 'Records', 'Versions', 'Last change', 'Activity'],
    zones.map(({ zone, serial, records, versions, lastChange }) => [
      zoneLink(zone),
      serial === undefined ? h('span', { class: 'badge warn' }, 'none yet') : String(serial),
      countText(records),
      countText(versions),
      lastChange ? moment(lastChange.time, now) : 'never',
      sparks.get(zone) ?? '',
    ]),
    [1, 2, 3],
  );
}

function secondaryTable({ secondaries }: Answer, now: number): HTMLElement {
  if (secondaries.length === 0) return empty('Nobody has transferred a zone, and the Corefile names nobody to tell.');
  return table(
    'Secondaries',
    ['Secondary', 'Zone', 'State', 'Has serial', 'Since', 'Told of'],
    secondaries.map(({ zone, address, port, served, acknowledged, transferred }) => [
      h(
        'span',
        { class: 'mono' },
        port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
      ),
      zoneLink(zone),
      transferred?.serial === served
        ? h('span', { class: 'badge good' }, 'current')
        : h('span', { class: 'badge warn' }, transferred ? 'behind' : 'took none'),
      transferred ? String(transferred.serial) : '–',
      transferred ? moment(transferred.time, now) : '–',
      acknowledged ? String(acknowledged.serial) : '–',
    ]),
    [3, 5],
  );
}

function incomingTable({ incoming }: Answer, now: number): HTMLElement {
  return table(
    'Zones of other servers',
    ['Zone', 'State', 'Has serial', 'Primary', 'Found current', 'Expires', 'Last transfer'],
    incoming.map(({ last, ...one }) => [
      zoneLink(one.zone),
      incomingState(one),
      one.serial === undefined ? '–' : String(one.serial),
      (last ? [last.primary] : one.primaries).map((primary) => h('div', { class: 'mono nowrap' }, primary)),
      one.refreshed ? moment(one.refreshed, now) : '–',
      one.expires && !one.isExpired ? `in ${spanText(Date.parse(one.expires) - now)}` : '–',
      last ? [`${last.kind}, ${countText(last.records)} records, `, moment(last.time, now)] : '–',
    ]),
    [2],
    1,
  );
}

function incomingState(zone: Omit<Answer['incoming'][number], 'last'>): Child {
  const { isExpired, serial, failures, trouble, memberOf } = zone;
  const [kind, word] = isExpired
    ? ['bad', 'expired']
    : serial === undefined
      ? ['warn', 'none yet']
      : failures > 0
        ? ['warn', 'not refreshed']
        : ['good', 'current'];
  return [
    h('span', { class: `badge ${kind}` }, word),
    memberOf !== undefined && ` member of ${memberOf}`,
    failures > 0 && h('div', { class: 'muted breakable' }, `${countText(failures)} failed: ${trouble ?? 'no reason'}`),
  ];
}
