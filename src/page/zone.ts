/** A zone: its versions on a line of time, and its records at any of them. */
import type { ChangePage, Page, TextRecord, TimelineEntry, VersionDensity, VersionRef } from '../history/answers.ts';
import { ask, path, save } from './api.ts';
import { bars, select } from './chart.ts';
import { announce, h, panel, replace } from './dom.ts';
import { hrefOf, noteInUrl } from './place.ts';
import { changeEntry, dataOf, nameLink } from './records.ts';
import { createRows } from './rows.ts';
import { agoText, countText, localText } from './time.ts';
import { calm, every, fill, heading, moment, trouble, type View } from './view.ts';

interface RecordsAnswer extends Page<TextRecord> {
  readonly version: VersionRef;
  readonly total: number;
  readonly isCut: boolean;
}

const DAY = '-24h';
const SPANS: readonly (readonly [value: string, name: string])[] = [
  ['-15m', '15 min'],
  ['-1h', '1 h'],
  [DAY, '24 h'],
  ['-7d', '7 d'],
  ['', 'all'],
];
/** Milliseconds between two looks for a newer version. */
const LOOK_EVERY = 5_000;
const TYPES = ['', 'A', 'AAAA', 'SRV', 'PTR', 'CNAME', 'NS', 'TXT', 'SOA'];

export const zoneView: View = (context) => {
  const { root, place, signal } = context;
  const zone = place.path[1] ?? '';
  let span = place.query.get('span') ?? DAY;
  /** By the reader; otherwise it is as wide as what is shown needs. */
  let isSpanChosen = place.query.has('span');
  let match = place.query.get('match') ?? '';
  let type = place.query.get('type') ?? '';
  /** The version that is shown; undefined before it is known. */
  let version: TimelineEntry | undefined;
  /** The newest one, whichever it is, is shown. */
  let isNewest = !place.query.has('at');
  let density: VersionDensity | undefined;

  const drawing = h('div', {});
  const slider = h('input', { type: 'range', class: 'scrub', 'aria-label': 'Moment', min: 0, max: 1000, step: 1 });
  const ticks = h('div', { class: 'ticks', 'aria-hidden': 'true' });
  const when = h('p', { class: 'moment', 'aria-live': 'polite' });
  const button = (text: string, title: string, click: () => void) =>
    h('button', { type: 'button', title, click }, text);
  const older = button('◀ Older', 'The version before', () => void step(-1));
  const newer = button('Newer ▶', 'The version after', () => void step(1));
  const newest = button('Now', 'The newest version', () => void show(undefined));
  const withNow = h('a', { class: 'button', hidden: true }, 'Compare with now');
  const file = button('Zone file', 'Save the zone as a master file', () => {
    const at = isNewest ? undefined : version?.serial;
    save(path`/zones/${zone}/file`, { at }, `${zone}zone`).catch((error: unknown) =>
      replace(changed.body, trouble(error)),
    );
  });
  const actions = h('div', { class: 'controls' }, older, newer, newest, withNow, file);
  const spans = h(
    'div',
    { class: 'controls', role: 'group', 'aria-label': 'How far back' },
    SPANS.map(([value, name]) =>
      h('button', { type: 'button', 'data-span': value, click: () => void chooseSpan(value) }, name),
    ),
  );
  const time = h('section', { class: 'panel' }, h('header', {}, h('h2', {}, 'Versions'), spans));
  time.append(h('div', { class: 'body' }, drawing, slider, ticks, when, actions));
  const changed = panel('What this version changed');
  const total = h('span', { class: 'muted', role: 'status' });
  const filter = h('input', {
    type: 'search',
    value: match,
    placeholder: 'Part of a name or of the data',
    'aria-label': 'Only records with',
    input: () => setFilter(),
  });
  const types = h(
    'select',
    { 'aria-label': 'Only of type', change: () => setFilter() },
    TYPES.map((name) => h('option', { value: name, selected: name === type }, name === '' ? 'all types' : name)),
  );
  const note = h('div', {});
  const records = h(
    'section',
    { class: 'panel' },
    h('header', {}, h('h2', {}, 'Records at that moment'), total),
    h('div', { class: 'body controls' }, h('div', { class: 'grow' }, filter), types),
    note,
  );
  const rows = createRows<TextRecord>(
    {
      load: async (first, limit) => {
        const answer = await ask<RecordsAnswer>(
          path`/zones/${zone}/records`,
          { at: version?.serial, match: match.trim(), type, cursor: first, limit },
          signal,
        );
        replace(
          note,
          answer.isCut &&
            h('p', { class: 'note warn' }, 'The zone is longer than what can be listed: its zone file has all.'),
        );
        return answer;
      },
      row: (record) =>
        h(
          'div',
          { class: 'row' },
          h('span', { class: 'cell', title: record.owner }, nameLink(record.owner, { zone })),
          h('span', { class: 'cell number' }, record.ttl),
          h('span', { class: 'cell' }, record.type),
          h('span', { class: 'cell', title: record.data }, dataOf(record)),
        ),
      label: 'Records',
      columns: [{ name: 'Name' }, { name: 'TTL', isNumber: true }, { name: 'Type' }, { name: 'Data' }],
      none: 'No records fit.',
      onTotal: (n) => {
        total.textContent = `${countText(n)} ${n === 1 ? 'record' : 'records'}`;
      },
      onTrouble: (error) => replace(note, trouble(error)),
    },
    signal,
  );
  records.append(rows.root);
  replace(root, heading(zone, 'What the zone was, version by version.', true), time, changed.root, records);

  const noteState = () =>
    noteInUrl(['zone', zone], {
      at: isNewest ? undefined : String(version?.serial ?? ''),
      span: isSpanChosen ? span || 'all' : undefined,
      match,
      type,
    });
  const setFilter = calm<void>(250, () => {
    match = filter.value;
    type = types.value;
    noteState();
    rows.reset();
  });

  async function setSpan(value: string): Promise<void> {
    span = value;
    for (const each of spans.children)
      each.setAttribute('aria-pressed', String(each.getAttribute('data-span') === span));
    const buckets = Math.max(24, Math.min(240, Math.floor((root.clientWidth || 800) / 7)));
    density = await ask<VersionDensity>(path`/zones/${zone}/density`, { from: span, buckets }, signal);
    replace(drawing, bars(density.counts, 'chart', 1));
    slider.min = String(Date.parse(density.from));
    slider.max = String(Date.parse(density.to));
    const words = `${countText(density.versions)} ${density.versions === 1 ? 'version' : 'versions'}`;
    replace(ticks, h('span', {}, localText(density.from)), h('span', {}, words), h('span', {}, localText(density.to)));
    mark();
    if (version !== undefined) noteState();
  }

  function chooseSpan(value: string): Promise<void> {
    isSpanChosen = true;
    return setSpan(value);
  }

  /** A zone that has been quiet for days opens on its last change, not on an empty day. */
  async function widen(): Promise<void> {
    const wider = SPANS.slice(SPANS.findIndex(([value]) => value === DAY) + 1);
    for (const [value] of wider) {
      if (isSpanChosen || version === undefined || density === undefined) return;
      if (Date.parse(version.time) >= Date.parse(density.from)) return;
      await setSpan(value);
    }
  }

  /** Shows where the version is on the line of time. */
  function mark(): void {
    const chart = drawing.querySelector('svg');
    if (density === undefined || version === undefined) return;
    const [from, to] = [Date.parse(density.from), Date.parse(density.to)];
    const at = isNewest ? to : Date.parse(version.time);
    slider.value = String(at);
    slider.setAttribute('aria-valuetext', `${localText(version.time)}, serial ${version.serial}`);
    if (chart) select(chart, (at - from) / Math.max(1, to - from));
  }

  /** @param at a moment; undefined: the newest version */
  async function show(at: string | undefined): Promise<void> {
    const page = await ask<Page<TimelineEntry>>(path`/zones/${zone}/versions`, { to: at, limit: 2 }, signal);
    const [found, before] = page.items;
    for (const part of [changed.root, records]) part.hidden = found === undefined;
    if (found === undefined) {
      replace(when, 'The zone had no version then.');
      return;
    }
    isNewest = at === undefined;
    older.disabled = before === undefined;
    newer.disabled = isNewest;
    const isSame = version?.batch === found.batch;
    version = found;
    replace(
      when,
      h('strong', {}, moment(found.time)),
      h('span', {}, `serial ${found.serial}`),
      h('span', { class: 'muted' }, agoText(found.time, Date.now())),
      isNewest && h('span', { class: 'badge good' }, 'newest'),
    );
    withNow.hidden = isNewest;
    withNow.href = hrefOf(['diff', zone], { from: String(found.serial) });
    mark();
    noteState();
    if (isSame) return;
    rows.reset();
    await fill(changed.body, signal, async () => {
      const query = {
        zone,
        after: found.batch - 1,
        limit: 1,
        mostRecords: matchMedia('(max-width: 46rem)').matches ? 8 : 20,
      };
      const { items } = await ask<ChangePage>('/changes', query, signal);
      const change = items.find(({ version: { batch } }) => batch === found.batch);
      replace(
        changed.body,
        change
          ? h('ul', { class: 'entries' }, changeEntry(change))
          : h('p', { class: 'empty' }, 'What it changed is no longer kept.'),
      );
    });
  }

  async function step(by: 1 | -1): Promise<void> {
    if (version === undefined) return;
    const around = { to: by < 0 ? String(version.serial) : undefined, zone, batch: version.batch };
    const serial =
      by < 0
        ? (await ask<Page<TimelineEntry>>(path`/zones/${zone}/versions`, { to: around.to, limit: 2 }, signal)).items[1]
            ?.serial
        : (await ask<ChangePage>('/changes', { zone, after: around.batch, limit: 1, mostRecords: 0 }, signal)).items[0]
            ?.version.serial;
    if (serial !== undefined) await show(String(serial));
    else if (by > 0) await show(undefined);
    announce(when.textContent ?? '');
  }

  const go = calm<number>(120, (milliseconds) => {
    const to = Number(slider.max);
    void fill(when, signal, () => show(milliseconds >= to ? undefined : new Date(milliseconds).toISOString()));
  });
  slider.addEventListener('input', () => {
    const at = Number(slider.value);
    const [from, to] = [Number(slider.min), Number(slider.max)];
    const chart = drawing.querySelector('svg');
    if (chart) select(chart, (at - from) / Math.max(1, to - from));
    go(at);
  });
  slider.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    void step(by as 1 | -1);
  });
  drawing.addEventListener('click', (event) => {
    const { left, width } = drawing.getBoundingClientRect();
    const [from, to] = [Number(slider.min), Number(slider.max)];
    slider.value = String(from + ((event.clientX - left) / width) * (to - from));
    slider.dispatchEvent(new Event('input'));
  });

  /** What is shown stays as it is; that there is more to see is said. */
  async function look(): Promise<void> {
    if (!isNewest || version === undefined) return;
    const { items } = await ask<Page<TimelineEntry>>(path`/zones/${zone}/versions`, { limit: 1 }, signal);
    if (!isNewest || items[0] === undefined || items[0].batch === version.batch) return;
    isNewest = false;
    newer.disabled = false;
    withNow.hidden = false;
    withNow.href = hrefOf(['diff', zone], { from: String(version.serial) });
    when.lastElementChild?.replaceWith(h('span', { class: 'badge warn' }, 'there is a newer one'));
    await setSpan(span);
  }
  every(LOOK_EVERY, signal, () => void look().catch(() => {}));

  if (span === 'all') span = '';
  const controls = [spans, slider, ticks, actions];
  const shown = fill(when, signal, () => show(place.query.get('at') ?? undefined), [changed.root, records]);
  const draw = async () => {
    await setSpan(span);
    await shown;
    await widen();
  };
  void fill(drawing, signal, draw, controls);
};
