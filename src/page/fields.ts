/** What forms ask for. */
import { h } from './dom.ts';
import { momentText } from './time.ts';

/** A moment, as `momentOf` reads it. */
export function momentInput(at: string | undefined, name?: string): HTMLInputElement {
  const value = at === undefined ? '' : momentText(at);
  return h('input', { type: 'text', name, value, placeholder: 'now, -15m, a time or a serial' });
}

/** A line of text with its label; the placeholder says what an empty one stands for, or gives an example. */
export function textField(label: string, name: string, placeholder: string, value: string): HTMLElement {
  const input = { type: 'text', name, value, placeholder, autocapitalize: 'none', spellcheck: 'false' };
  return h('label', { class: 'grow' }, label, h('input', input));
}
