/** The log, filtered. */
import type { LoggedEvent, Page } from '../history/answers.ts';
import { ask } from './api.ts';
import { h, panel, put, replace } from './dom.ts';
import { textField } from './fields.ts';
import { hrefOf } from './place.ts';
import { eventText } from './records.ts';
import { momentOf, momentText } from './time.ts';
import { fill, heading, moment, type View } from './view.ts';

const PAGE = 100;
const KINDS = [
  '',
  'Service',
  'EndpointSlice',
  'Namespace',
  'Pod',
  'ServiceImport',
  'Ingress',
  'Gateway',
  'HTTPRoute',
  'TLSRoute',
  'GRPCRoute',
  'DNSEndpoint',
  'Node',
  'VirtualServer',
  'Cluster',
  'Guard',
  'Plan',
];

export const eventsView: View = ({ root, place, signal }) => {
  const query = Object.fromEntries(
    ['cluster', 'kind', 'namespace', 'to'].map((key) => [key, place.query.get(key) ?? undefined]),
  );
  const form = h(
    'form',
    {
      class: 'controls above',
      submit: (event) => {
        event.preventDefault();
        const data = new FormData(form);
        const word = (name: string) => String(data.get(name) ?? '').trim();
        location.hash = hrefOf(['events'], {
          cluster: word('cluster'),
          kind: word('kind'),
          namespace: word('namespace'),
          to: momentOf(word('to')),
        });
      },
    },
    textField('Cluster', 'cluster', 'part of its name', query.cluster ?? ''),
    h(
      'label',
      {},
      'Kind',
      h(
        'select',
        { name: 'kind' },
        KINDS.map((kind) => h('option', { value: kind, selected: kind === query.kind }, kind || 'all')),
      ),
    ),
    textField('Namespace', 'namespace', 'all', query.namespace ?? ''),
    textField('Until', 'to', 'now', query.to === undefined ? '' : momentText(query.to)),
    h('button', { type: 'submit' }, 'Filter'),
  );
  const events = panel('Events, newest first');
  const list = h('ul', { class: 'entries' });
  const more = h('button', { type: 'button', click: () => void load() }, 'Older events');
  let cursor: string | undefined;
  let isFirst = true;
  replace(root, heading('Log', 'Every fact that was learnt of the clusters, as it came.'), form, events.root);

  function load(): Promise<void> {
    return fill(events.body, signal, async () => {
      const page = await ask<Page<LoggedEvent>>('/events', { ...query, cursor, limit: PAGE }, signal);
      if (isFirst) replace(events.body, list, more);
      isFirst = false;
      put(
        list,
        page.items.map((event) => h('li', { class: 'entry event' }, moment(event.time), eventText(event))),
      );
      cursor = page.next;
      more.hidden = cursor === undefined;
      if (list.children.length === 0 && cursor === undefined)
        replace(events.body, h('p', { class: 'empty' }, 'No such events.'));
    });
  }
  void load();
};
