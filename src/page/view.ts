/** What all views have in common. */
import { ApiProblem } from './api.ts';
import { announce, h, replace } from './dom.ts';
import type { Place } from './place.ts';
import { agoText, localText, offsetText } from './time.ts';

export interface Context {
  /** Where the view puts itself. */
  readonly root: HTMLElement;
  readonly place: Place;
  /** Ends with the view. */
  readonly signal: AbortSignal;
}

export type View = (context: Context) => void;

/** The heading of a view; the title of the page follows it. */
export function heading(title: string, lead: string, isName = false): HTMLElement[] {
  document.title = `${title} · zonelog`;
  return [h('h1', { tabindex: '-1', ...(isName && { class: 'mono' }) }, title), h('p', { class: 'lead' }, lead)];
}

/** A moment; its title is UTC. */
export function moment(time: string, now?: number): HTMLElement {
  const title = `${new Date(time).toISOString()} (${offsetText(time)})`;
  return h(
    'time',
    { datetime: time, title, class: 'nowrap' },
    now === undefined ? localText(time) : agoText(time, now),
  );
}

/**
 * Runs a question whose answer fills a place; what goes wrong is told there.
 * @param others places that have nothing to show without the answer
 */
export async function fill(
  place: HTMLElement,
  signal: AbortSignal,
  work: () => Promise<void>,
  others: readonly HTMLElement[] = [],
): Promise<void> {
  place.setAttribute('aria-busy', 'true');
  for (const other of others) other.hidden = false;
  try {
    await work();
  } catch (error) {
    if (signal.aborted) return;
    replace(place, trouble(error));
    for (const other of others) other.hidden = true;
  } finally {
    place.removeAttribute('aria-busy');
  }
}

/** An error as the reader sees it. */
export function trouble(error: unknown): HTMLElement {
  const text = error instanceof ApiProblem ? error.message : `This is a bug: ${String(error)}`;
  announce(text);
  return h('p', { class: 'note bad' }, text);
}

/** Calls again and again while the page is seen. */
export function every(milliseconds: number, signal: AbortSignal, work: () => void): void {
  const timer = setInterval(() => {
    if (document.visibilityState === 'visible') work();
  }, milliseconds);
  signal.addEventListener('abort', () => clearInterval(timer));
}

/** Calls once nothing has come for a while. */
export function calm<T>(milliseconds: number, work: (value: T) => void): (value: T) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (value) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(value), milliseconds);
  };
}
