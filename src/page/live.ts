/** Changes as they happen. */
import type { ZoneChange } from '../history/answers.ts';
import { follow } from './api.ts';
import { h, replace } from './dom.ts';
import { textField } from './fields.ts';
import { hrefOf } from './place.ts';
import { changeEntry } from './records.ts';
import { heading, type View } from './view.ts';

/** Changes that stay on the page, and that wait while it is paused. */
const MOST = 200;

export const liveView: View = ({ root, place, signal }) => {
  const zone = place.query.get('zone') ?? '';
  const name = place.query.get('name') ?? '';
  const list = h('ul', { class: 'entries', 'aria-label': 'Changes, newest first' });
  const state = h('span', { class: 'badge', role: 'status' }, 'connecting');
  const waiting: ZoneChange[] = [];
  let isPaused = false;
  const pause = h('button', { type: 'button', 'aria-pressed': 'false', click: () => toggle() }, 'Pause');
  const form = h(
    'form',
    {
      class: 'controls above',
      submit: (event) => {
        event.preventDefault();
        const data = new FormData(form);
        location.hash = hrefOf(['live'], {
          zone: String(data.get('zone')).trim(),
          name: String(data.get('name')).trim(),
        });
      },
    },
    textField('Zone', 'zone', 'all', zone),
    textField('Name', 'name', '*.shop.svc.cluster.local', name),
    h('button', { type: 'submit' }, 'Filter'),
  );
  const empty = h('p', { class: 'empty entry' }, 'Nothing has changed since this page was opened.');
  replace(
    root,
    heading('Live', 'What is published from now on, with what brought it about.'),
    form,
    h(
      'section',
      { class: 'panel' },
      h('header', {}, h('h2', {}, 'Changes'), h('div', { class: 'controls' }, state, pause)),
      empty,
      list,
    ),
  );

  function add(change: ZoneChange): void {
    empty.hidden = true;
    list.prepend(changeEntry(change, true));
    while (list.children.length > MOST) list.lastElementChild?.remove();
  }

  function toggle(): void {
    isPaused = !isPaused;
    pause.setAttribute('aria-pressed', String(isPaused));
    if (!isPaused) for (const change of waiting.splice(0)) add(change);
    tell();
  }

  function tell(): void {
    pause.textContent = isPaused ? (waiting.length > 0 ? `Paused: ${waiting.length} wait` : 'Paused') : 'Pause';
  }

  void follow(
    { zone, name },
    {
      onChange: (change) => {
        if (!isPaused) return add(change);
        waiting.push(change);
        if (waiting.length > MOST) waiting.shift();
        tell();
      },
      onState: (trouble) => {
        state.className = trouble === undefined ? 'badge good' : 'badge bad';
        state.textContent = trouble ?? 'connected';
      },
    },
    signal,
  );
};
