/** How much happened, as bars over a line of time. */
import { svg } from './dom.ts';

const HEIGHT = 100;

/** Bars over the whole width; `selected` is a share of it from 0 to 1. Seen only: what it says is also in words. */
export function bars(counts: readonly number[], name: string, selected?: number): SVGElement {
  const most = Math.max(1, ...counts);
  const drawing = svg('svg', {
    class: name,
    viewBox: `0 0 ${counts.length} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  counts.forEach((count, i) => {
    if (count === 0) return;
    // A single change among thousands has to be seen.
    const height = Math.max(6, (Math.log1p(count) / Math.log1p(most)) * HEIGHT);
    drawing.append(svg('rect', { x: i + 0.08, y: HEIGHT - height, width: 0.84, height }));
  });
  if (selected !== undefined) drawing.append(marker(counts.length, selected));
  return drawing;
}

function marker(width: number, share: number): SVGElement {
  const x = Math.min(width, Math.max(0, share * width));
  return svg('line', { class: 'selected', x1: x, x2: x, y1: 0, y2: HEIGHT });
}

/** Moves the mark of a drawing. */
export function select(drawing: SVGElement, share: number): void {
  const width = Number(drawing.getAttribute('viewBox')?.split(' ')[2] ?? 1);
  drawing.querySelector('.selected')?.remove();
  drawing.append(marker(width, share));
}
