/** Who held an address. */
import type { AddressAnswer } from '../history/answers.ts';
import { ask, path } from './api.ts';
import { h, panel, replace } from './dom.ts';
import { momentInput } from './fields.ts';
import { hrefOf } from './place.ts';
import { eventText, nameLink, zoneLink } from './records.ts';
import { momentOf } from './time.ts';
import { fill, heading, moment, type View } from './view.ts';

export const addressView: View = ({ root, place, signal }) => {
  const address = place.path[1] ?? '';
  const at = place.query.get('at') ?? undefined;
  const input = momentInput(at);
  const form = h(
    'form',
    {
      class: 'controls above',
      submit: (event) => {
        event.preventDefault();
        location.hash = hrefOf(['address', address], { at: momentOf(input.value) });
      },
    },
    h('label', {}, 'at', input),
    h('button', { type: 'submit' }, 'Ask'),
  );
  const [holders, names] = [panel('Held by'), panel('Names')];
  const asOf = h('p', { class: 'muted' });
  replace(
    root,
    heading(address, 'Every service, pod and name that had this address.', true),
    form,
    asOf,
    holders.root,
    names.root,
  );
  void fill(
    holders.body,
    signal,
    async () => {
      const answer = await ask<AddressAnswer>(path`/addresses/${address}`, { at }, signal);
      replace(asOf, at === undefined ? 'Now; last event ' : 'As of ', moment(answer.at.time));
      replace(holders.body, holdersOf(answer));
      replace(names.body, namesOf(answer));
    },
    [names.root],
  );
};

const ROLES = {
  clusterIP: 'cluster address of',
  external: 'external address of',
  endpoint: 'endpoint of',
  pod: 'address of',
};

function holdersOf({ holders, last }: AddressAnswer): HTMLElement | HTMLElement[] {
  if (holders.length === 0) {
    const nobody = h('p', { class: 'empty' }, 'Nobody held it then.');
    return last === undefined ? nobody : [nobody, lastOf(last)];
  }
  return h(
    'ul',
    { class: 'entries' },
    holders.map(({ cluster, kind, namespace, name, role, service, pod, since }) =>
      h(
        'li',
        { class: 'entry' },
        h(
          'div',
          { class: 'when' },
          h('span', { class: 'badge' }, kind),
          h('span', { class: 'breakable' }, `${ROLES[role]} `, h('strong', {}, `${namespace}/${service ?? name}`)),
          pod !== undefined && h('span', {}, 'pod ', h('strong', { class: 'breakable' }, pod)),
          h('span', { class: 'mono muted breakable' }, cluster),
        ),
        since === undefined
          ? h('div', { class: 'cause muted' }, 'since before what the log keeps')
          : h('div', { class: 'cause' }, 'since ', moment(since.time), ': ', eventText(since)),
      ),
    ),
  );
}

function lastOf({
  cluster,
  namespace,
  name,
  role,
  service,
  pod,
  until,
}: NonNullable<AddressAnswer['last']>): HTMLElement {
  return h(
    'div',
    { class: 'entry' },
    h(
      'div',
      { class: 'when' },
      h('span', { class: 'badge' }, 'last'),
      h('span', { class: 'breakable' }, `${ROLES[role]} `, h('strong', {}, `${namespace}/${service ?? name}`)),
      pod !== undefined && h('span', {}, 'pod ', h('strong', { class: 'breakable' }, pod)),
      h('span', { class: 'mono muted breakable' }, cluster),
    ),
    h('div', { class: 'cause' }, 'until ', moment(until.time), ': ', eventText(until)),
  );
}

function namesOf({ names }: AddressAnswer): HTMLElement {
  if (names.length === 0) return h('p', { class: 'empty' }, 'No name had it then.');
  return h(
    'ul',
    { class: 'lines plain' },
    names.map(({ owner, type, data, zone }) =>
      h('li', {}, nameLink(owner), ` ${type} ${data} `, h('span', { class: 'muted' }, 'in ', zoneLink(zone))),
    ),
  );
}
