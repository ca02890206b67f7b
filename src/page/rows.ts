/** A list of any length that makes only the rows that are seen, and asks for them page by page as they come into view. */
import { h, replace } from './dom.ts';

/** The name of a column, and how it is shown; `isUnseen`: only to those who can't see what is in it. */
export interface Column {
  readonly name: string;
  readonly isNumber?: boolean;
  readonly isUnseen?: boolean;
}

export interface RowsSource<T> {
  /** Some rows from a place on, and how many there are in all. */
  readonly load: (first: number, limit: number) => Promise<{ readonly items: readonly T[]; readonly total: number }>;
  readonly row: (item: T) => HTMLElement;
  /** For those who don't see it. */
  readonly label: string;
  readonly columns: readonly Column[];
  /** What is said when there are no rows. */
  readonly none: string;
  /** Of the row with the names of the columns; `row` unless told. */
  readonly rowClass?: string;
  readonly onTotal: (total: number) => void;
  readonly onTrouble: (error: unknown) => void;
}

export interface Rows {
  readonly root: HTMLElement;
  /** Forgets all rows and loads them anew from the top. */
  reset(): void;
}

const PAGE = 200;
/** Pages that are kept. */
const MOST_PAGES = 20;
/** Rows made above and below what is seen. */
const MARGIN = 8;

function headCell({ name, isNumber, isUnseen }: Column): HTMLElement {
  const text = isUnseen ? h('span', { class: 'unseen' }, name) : name;
  return h('span', { role: 'columnheader', class: isNumber ? 'cell number' : 'cell' }, text);
}

export function createRows<T>(source: RowsSource<T>, signal: AbortSignal): Rows {
  const extent = h('div', { class: 'extent', role: 'rowgroup' });
  const head = h(
    'div',
    { role: 'rowgroup', class: 'head' },
    h('div', { role: 'row', class: source.rowClass ?? 'row', 'aria-rowindex': 1 }, source.columns.map(headCell)),
  );
  const root = h('div', { class: 'rows', role: 'table', tabindex: 0, 'aria-label': source.label }, head, extent);
  let pages = new Map<number, readonly T[]>();
  let loading = new Set<number>();
  let total = 0;
  let generation = 0;
  let shown = '';

  function rowHeight(): number {
    return Number.parseFloat(getComputedStyle(root).getPropertyValue('--row')) || 30;
  }

  async function load(page: number): Promise<void> {
    if (pages.has(page) || loading.has(page)) return;
    loading.add(page);
    const asked = generation;
    try {
      const answer = await source.load(page * PAGE, PAGE);
      if (asked !== generation || signal.aborted) return;
      pages.set(page, answer.items);
      // The page that was loaded first goes first; it is asked for again if need be.
      for (const old of pages.keys()) {
        if (pages.size <= MOST_PAGES) break;
        pages.delete(old);
      }
      if (page === 0 || total === 0) {
        total = answer.total;
        extent.style.height = `${total * rowHeight()}px`;
        root.style.setProperty('--count', String(total));
        root.setAttribute('aria-rowcount', String(total + 1));
        source.onTotal(total);
      }
      loading.delete(page);
      draw(true);
    } catch (error) {
      if (asked !== generation || signal.aborted) return;
      loading.delete(page);
      source.onTrouble(error);
    }
  }

  function draw(isChanged = false): void {
    const height = rowHeight();
    const first = Math.max(0, Math.floor(root.scrollTop / height) - MARGIN);
    const last = Math.min(total, Math.ceil((root.scrollTop + root.clientHeight) / height) + MARGIN);
    const range = `${first} ${last} ${height}`;
    if (range === shown && !isChanged) return;
    shown = range;
    extent.style.height = `${total * height}px`;
    const rows: HTMLElement[] = [];
    for (let at = first; at < last; at++) {
      const item = pages.get(Math.floor(at / PAGE))?.[at % PAGE];
      if (item === undefined) continue;
      const row = source.row(item);
      row.setAttribute('role', 'row');
      row.setAttribute('aria-rowindex', String(at + 2));
      row.style.top = `${at * height}px`;
      for (const cell of row.children) cell.setAttribute('role', 'cell');
      rows.push(row);
    }
    if (total === 0 && pages.size > 0) {
      rows.push(h('div', { class: 'row none', role: 'row' }, h('span', { role: 'cell' }, source.none)));
    }
    keepFocus(() => replace(extent, rows));
    for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last - 1) / PAGE); page++)
      void load(page);
  }

  /** Rows are made anew; who stood on a link in one stands on it still, or else in the list. */
  function keepFocus(change: () => void): void {
    const focused = extent.contains(document.activeElement) ? document.activeElement : null;
    const index = focused?.closest('[aria-rowindex]')?.getAttribute('aria-rowindex');
    const links = focused?.closest('[aria-rowindex]')?.querySelectorAll('a') ?? [];
    const at = [...links].findIndex((link) => link.isSameNode(focused));
    change();
    if (focused === null) return;
    const link = extent.querySelector(`[aria-rowindex="${index}"]`)?.querySelectorAll('a')[at];
    (link ?? root).focus({ preventScroll: true });
  }

  root.addEventListener('scroll', () => requestAnimationFrame(() => draw()), { passive: true });
  const resized = new ResizeObserver(() => draw());
  resized.observe(root);
  signal.addEventListener('abort', () => resized.disconnect());
  return {
    root,
    reset() {
      generation += 1;
      pages = new Map();
      loading = new Set();
      total = 0;
      root.scrollTop = 0;
      void load(0);
    },
  };
}
