/** The page: which view is shown, and the search. */
import { addressView } from './address.ts';
import { diffView } from './diff.ts';
import { h, replace } from './dom.ts';
import { eventsView } from './events.ts';
import { liveView } from './live.ts';
import { nameView } from './name.ts';
import { overviewView } from './overview.ts';
import { hrefOf, parsePlace } from './place.ts';
import { searchView } from './search.ts';
import { heading, type View } from './view.ts';
import { zoneView } from './zone.ts';

const VIEWS: ReadonlyMap<string, View> = new Map([
  ['', overviewView],
  ['zone', zoneView],
  ['name', nameView],
  ['address', addressView],
  ['diff', diffView],
  ['live', liveView],
  ['search', searchView],
  ['events', eventsView],
]);

const nowhere: View = ({ root }) =>
  replace(root, heading('Nothing here', 'This page has no such part.'), h('a', { href: '#/' }, 'To the overview'));

const main = document.getElementById('main') as HTMLElement;
const form = document.getElementById('search') as HTMLFormElement;
const query = document.getElementById('query') as HTMLInputElement;
let ending = new AbortController();

function show(isFirst: boolean): void {
  ending.abort();
  ending = new AbortController();
  const place = parsePlace(location.hash);
  const root = h('div', {});
  main.replaceChildren(root);
  const view = VIEWS.get(place.path[0] ?? '') ?? nowhere;
  view({ root, place, signal: ending.signal });
  for (const link of document.querySelectorAll('nav[aria-label="Pages"] a')) {
    const isHere = link.getAttribute('href') === hrefOf(place.path.slice(0, 1));
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (isFirst) return;
  // Whoever followed a link hears where it led.
  scrollTo(0, 0);
  main.querySelector('h1')?.focus({ preventScroll: true });
}

const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+)$/i;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = query.value.trim();
  if (text === '') return;
  location.hash = ADDRESS.test(text) ? hrefOf(['address', text]) : hrefOf(['search'], { q: text });
});

document.addEventListener('keydown', (event) => {
  const isTyping = event.target instanceof Element && event.target.matches('input, select, textarea');
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  query.focus();
  query.select();
});

document.querySelector('.skip')?.addEventListener('click', (event) => {
  // The fragment is the view's.
  event.preventDefault();
  main.focus();
});

addEventListener('hashchange', () => show(false));
show(true);
