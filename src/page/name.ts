/** A name: every value it had, and why. */
import type { Explanation, Page, RecordValue, StanzaReason } from '../history/answers.ts';
import { ask, path } from './api.ts';
import { h, panel, put, replace } from './dom.ts';
import { momentInput } from './fields.ts';
import { hrefOf, noteInUrl } from './place.ts';
import { causeBlock, differenceLines, eventList, recordLines, zoneLink } from './records.ts';
import { momentOf, spanText } from './time.ts';
import { fill, heading, moment, type View } from './view.ts';

const TYPES = ['A', 'AAAA', 'SRV', 'PTR', 'CNAME', 'TXT', 'NS'];
const PAGE = 50;

export const nameView: View = ({ root, place, signal }) => {
  const name = place.path[1] ?? '';
  const zone = place.query.get('zone') ?? undefined;
  const type = place.query.get('type') ?? undefined;
  const at = place.query.get('at') ?? undefined;
  const why = panel('Why');
  const values = panel('Values, newest first');
  const link = (text: string, wanted: string | undefined) =>
    h(
      'a',
      {
        class: 'button',
        href: hrefOf(['name', name], { zone, type: wanted, at }),
        'aria-current': wanted === type ? 'true' : undefined,
      },
      text,
    );
  const input = momentInput(at);
  const form = h(
    'form',
    {
      class: 'controls',
      submit: (event) => {
        event.preventDefault();
        const asked = momentOf(input.value);
        noteInUrl(['name', name], { zone, type, at: asked });
        void explain(asked);
      },
    },
    h('label', {}, 'at', input),
    h('button', { type: 'submit' }, 'Ask'),
  );
  why.root.querySelector('header')?.append(form);
  replace(
    root,
    heading(name, 'Every value it had, from when to when, and what brought it about.', true),
    h(
      'nav',
      { class: 'controls above', 'aria-label': 'Types' },
      link('All types', undefined),
      TYPES.map((each) => link(each, each)),
    ),
    why.root,
    values.root,
  );

  function explain(moment: string | undefined): Promise<void> {
    return fill(why.body, signal, async () => {
      const { items } = await ask<{ items: readonly Explanation[] }>(
        path`/names/${name}/why`,
        { type: type ?? 'A', zone, at: moment },
        signal,
      );
      replace(why.body, items.map(explanationBlock));
    });
  }
  void explain(at);

  const list = h('ul', { class: 'entries' });
  const more = h('button', { type: 'button', click: () => void load() }, 'Older values');
  let cursor: string | undefined;
  let isFirst = true;
  function load(): Promise<void> {
    return fill(values.body, signal, async () => {
      const page = await ask<Page<RecordValue>>(
        path`/names/${name}/history`,
        { type, zone, cursor, limit: PAGE },
        signal,
      );
      if (isFirst) replace(values.body, list, more);
      isFirst = false;
      const before = list.children.length;
      put(list, page.items.map(valueEntry));
      cursor = page.next;
      more.hidden = cursor === undefined;
      if (list.children.length === 0) replace(values.body, h('p', { class: 'empty' }, 'It never had a value.'));
      else if (before > 0) list.children[before]?.querySelector('a')?.focus();
    });
  }
  void load();
};

function valueEntry({ zone, type, records, from, to, removed, added, causes }: RecordValue): HTMLElement {
  const isGone = records.length === 0;
  const isDifference = !isGone && removed.length > 0;
  return h(
    'li',
    { class: 'entry' },
    h(
      'div',
      { class: 'when' },
      h(
        'span',
        { class: isGone ? 'badge bad' : to ? 'badge' : 'badge good' },
        `${type}${isGone ? ' gone' : to ? '' : ' now'}`,
      ),
      h(
        'span',
        {},
        from.isBeforeLog && 'before ',
        moment(from.time),
        h('span', { class: 'arrow' }, ' → '),
        to ? moment(to.time) : 'now',
      ),
      to &&
        h(
          'span',
          { class: 'muted' },
          `for ${from.isBeforeLog ? 'more than ' : ''}${spanText(Date.parse(to.time) - Date.parse(from.time))}`,
        ),
      zoneLink(zone, from.serial),
      from.serial !== undefined && h('span', { class: 'muted' }, `serial ${from.serial}`),
    ),
    !isGone && recordLines(records),
    (isDifference || isGone) && differenceLines(removed, added, false),
    causes.slice(0, 10).map(causeBlock),
    causes.length > 10 && h('div', { class: 'cause muted' }, `and ${causes.length - 10} more events`),
    causes.length === 0 &&
      h(
        'div',
        { class: 'cause muted' },
        from.isBeforeLog
          ? 'It was so already where the log begins: what came before has been removed.'
          : 'It was so in the first version that the log knows.',
      ),
  );
}

const OUTCOMES: Readonly<Record<Explanation['outcome'], readonly [word: string, kind: string]>> = {
  answer: ['answered', 'badge good'],
  nodata: ['no data of this type', 'badge warn'],
  nxdomain: ['no such name', 'badge bad'],
  servfail: ['failed: a cluster was never listed', 'badge bad'],
  passedOn: ['passed on', 'badge'],
};

const VERDICTS: Readonly<Record<StanzaReason['verdict'], readonly [word: string, kind: string]>> = {
  has: ['has it', 'badge good'],
  denies: ['denies it', 'badge bad'],
  unsure: ['can’t tell', 'badge warn'],
  notAsked: ['not asked', 'badge'],
};

function explanationBlock({ zone, type, at, outcome, records, stanzas }: Explanation): HTMLElement {
  const [word, kind] = OUTCOMES[outcome];
  return h(
    'div',
    {},
    h(
      'div',
      { class: 'when controls' },
      h('span', { class: kind }, `${type}: ${word}`),
      zoneLink(zone, at.serial),
      moment(at.time),
      at.serial !== undefined && h('span', { class: 'muted' }, `serial ${at.serial}`),
    ),
    records.length > 0 && recordLines(records),
    stanzas.map((reason) =>
      h(
        'div',
        { class: 'cause' },
        h('span', { class: VERDICTS[reason.verdict][1] }, VERDICTS[reason.verdict][0]),
        ` stanza ${reason.stanza}, ${reason.plugin}, `,
        h('span', { class: 'mono breakable' }, reason.cluster),
        h('div', {}, reason.text),
        reason.lost !== undefined &&
          h('div', { class: 'note warn' }, `This cluster could not be reached then: ${reason.lost}`),
        reason.held !== undefined && h('div', { class: 'note warn' }, reason.held),
        reason.events.length > 0 && eventList(reason.events, true),
      ),
    ),
  );
}
