/** What a search finds, now or once. */
import type { SearchHit } from '../history/answers.ts';
import { ask } from './api.ts';
import { h, panel, replace } from './dom.ts';
import { hrefOf } from './place.ts';
import { fill, heading, type View } from './view.ts';

export const searchView: View = ({ root, place, signal }) => {
  const text = place.query.get('q') ?? '';
  const found = panel('Found');
  replace(
    root,
    heading(`Search: ${text}`, 'Zones, names, addresses and objects that are there now, or were once.'),
    found.root,
  );
  void fill(found.body, signal, async () => {
    const { items } = await ask<{ items: readonly SearchHit[] }>('/search', { q: text, limit: 200 }, signal);
    replace(found.body, resultsOf(items, text));
  });
};

function resultsOf(items: readonly SearchHit[], text: string): HTMLElement {
  if (items.length === 0) {
    return h(
      'p',
      { class: 'empty' },
      'Nothing like it. Ask for ',
      h('a', { href: hrefOf(['name', text]) }, 'the name all the same'),
      ': why it is not there.',
    );
  }
  const ordered = [...items].sort((a, b) => Number(b.isCurrent) - Number(a.isCurrent));
  return h(
    'ul',
    { class: 'entries' },
    ordered.map((hit) =>
      h(
        'li',
        { class: 'entry' },
        h(
          'div',
          { class: 'when' },
          h('a', { class: 'mono breakable', href: hrefFor(hit) }, hit.text),
          h('span', { class: 'badge' }, hit.kind ?? hit.what),
          !hit.isCurrent && h('span', { class: 'badge bad' }, 'gone'),
          hit.cluster !== undefined && h('span', { class: 'mono muted breakable' }, hit.cluster),
        ),
      ),
    ),
  );
}

function hrefFor({ what, text, zone, cluster, kind }: SearchHit): string {
  if (what === 'zone') return hrefOf(['zone', zone ?? text]);
  if (what === 'address') return hrefOf(['address', text]);
  if (what === 'name') return hrefOf(['name', text], { zone });
  return hrefOf(['events'], { cluster, kind, namespace: text.split('/')[0] });
}
