/** The difference between two moments of a zone. */
import type { TextRecord, VersionRef } from '../history/answers.ts';
import { ask, path } from './api.ts';
import { h, replace } from './dom.ts';
import { momentInput } from './fields.ts';
import { hrefOf } from './place.ts';
import { dataOf, nameLink } from './records.ts';
import { createRows } from './rows.ts';
import { countText, momentOf, spanText } from './time.ts';
import { calm, heading, moment, trouble, type View } from './view.ts';

interface Answer {
  readonly from: VersionRef;
  readonly to: VersionRef;
  readonly removedCount: number;
  readonly addedCount: number;
  readonly removed: readonly TextRecord[];
  readonly added: readonly TextRecord[];
}

type Line = readonly [sign: 'added' | 'removed', record: TextRecord];

export const diffView: View = ({ root, place, signal }) => {
  const zone = place.path[1] ?? '';
  const from = place.query.get('from') ?? '-1h';
  const to = place.query.get('to') ?? undefined;
  const [begin, end] = [momentInput(from, 'from'), momentInput(to, 'to')];
  const form = h(
    'form',
    {
      class: 'controls above',
      submit: (event) => {
        event.preventDefault();
        location.hash = hrefOf(['diff', zone], { from: momentOf(begin.value) ?? 'now', to: momentOf(end.value) });
      },
    },
    h('label', { class: 'grow' }, 'from', begin),
    h('label', { class: 'grow' }, 'to', end),
    h('button', { type: 'submit' }, 'Compare'),
    h('a', { class: 'button', href: hrefOf(['diff', zone], { from: to ?? 'now', to: from }) }, 'Swap'),
  );
  const summary = h('p', { class: 'moment', role: 'status' }, 'Comparing …');
  const filter = h('input', {
    type: 'search',
    placeholder: 'Part of a name or of the data',
    'aria-label': 'Only records with',
    input: () => refilter(),
  });
  const refilter = calm<void>(250, () => rows.reset());
  const rows = createRows<Line>(
    {
      load: async (first, limit) => {
        const answer = await ask<Answer>(
          path`/zones/${zone}/diff`,
          { from, to, match: filter.value.trim(), cursor: first, limit },
          signal,
        );
        replace(summary, summaryOf(answer));
        const lines = [
          ...answer.removed.map((record): Line => ['removed', record]),
          ...answer.added.map((record): Line => ['added', record]),
        ];
        return { items: lines, total: answer.removedCount + answer.addedCount };
      },
      row: ([sign, record]) =>
        h(
          'div',
          { class: `row sign ${sign}` },
          h(
            'span',
            { class: 'cell' },
            h('span', { 'aria-hidden': 'true' }, sign === 'added' ? '+' : '−'),
            h('span', { class: 'unseen' }, sign),
          ),
          h('span', { class: 'cell', title: record.owner }, nameLink(record.owner, { zone })),
          h('span', { class: 'cell number' }, record.ttl),
          h('span', { class: 'cell' }, record.type),
          h('span', { class: 'cell', title: record.data }, dataOf(record)),
        ),
      label: 'Differences',
      columns: [
        { name: 'Change', isUnseen: true },
        { name: 'Name' },
        { name: 'TTL', isNumber: true },
        { name: 'Type' },
        { name: 'Data' },
      ],
      rowClass: 'row sign',
      none: 'Nothing differs.',
      onTotal: () => {},
      onTrouble: (error) => replace(summary, trouble(error)),
    },
    signal,
  );
  replace(
    root,
    heading(`Difference of ${zone}`, 'What a secondary with the one version would be sent to get to the other.'),
    form,
    summary,
    h(
      'section',
      { class: 'panel' },
      h('header', {}, h('h2', {}, 'Records'), h('div', { class: 'grow' }, filter)),
      rows.root,
    ),
  );
  rows.reset();

  function summaryOf(answer: Answer): (HTMLElement | string)[] {
    const version = (ref: VersionRef) =>
      h(
        'span',
        {},
        moment(ref.time),
        ' ',
        h('a', { href: hrefOf(['zone', zone], { at: String(ref.serial) }), class: 'nowrap' }, `serial ${ref.serial}`),
      );
    const span = Math.abs(Date.parse(answer.to.time) - Date.parse(answer.from.time));
    return [
      h('span', { class: 'badge bad' }, `${countText(answer.removedCount)} removed`),
      h('span', { class: 'badge good' }, `${countText(answer.addedCount)} added`),
      version(answer.from),
      h('span', { class: 'arrow' }, `→ ${spanText(span)} →`),
      version(answer.to),
    ];
  }
};
