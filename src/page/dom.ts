/** Elements, made without markup: every text goes in as text, so that no name or annotation can be anything else. */

export type Child = Node | string | number | undefined | false | readonly Child[];

type Listener = (event: Event) => void;
type Attributes = Readonly<Record<string, string | number | boolean | undefined | Listener>>;

/** An element. Functions are listeners of the event of that name; `true` is an attribute without value. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAll(element, attributes);
  put(element, ...children);
  return element;
}

/** An element of a drawing. */
export function svg(tag: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAll(element, attributes);
  put(element, ...children);
  return element;
}

function setAll(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
}

/** Adds children. */
export function put(parent: Element, ...children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue;
    if (isList(child)) put(parent, ...child);
    else parent.append(child instanceof Node ? child : String(child));
  }
}

function isList(child: Child): child is readonly Child[] {
  return Array.isArray(child);
}

/** Puts these in the place of what was there. */
export function replace(parent: Element, ...children: readonly Child[]): void {
  parent.replaceChildren();
  put(parent, ...children);
}

/** A part of the page with a heading, whose content comes later. */
export function panel(
  title: string,
  ...aside: readonly Child[]
): { readonly root: HTMLElement; readonly body: HTMLElement } {
  const body = h('div', { class: 'body' }, h('div', { class: 'skeleton', 'aria-hidden': 'true' }));
  const root = h('section', { class: 'panel' }, h('header', {}, h('h2', {}, title), ...aside), body);
  return { root, body };
}

/** Says something to those who don't see the page. */
export function announce(text: string): void {
  const place = document.getElementById('announce');
  if (place) place.textContent = text;
}
