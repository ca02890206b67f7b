/** Results as rows: what the peer does, what zonelog does, what was wanted. */

export interface Row {
  readonly metric: string;
  readonly unit: string;
  readonly peer?: number | undefined;
  readonly subject?: number | undefined;
  readonly target?: Target;
  readonly note?: string;
}

/** `ratio`: of zonelog's value to the peer's. */
export type Target =
  | { readonly kind: 'atMost'; readonly value: number }
  | { readonly kind: 'ratioAtLeast' | 'ratioAtMost'; readonly value: number };

export type Verdict = 'met' | 'missed' | 'unknown' | '';

export function judge({ peer, subject, target }: Row): Verdict {
  if (target === undefined) return '';
  if (subject === undefined || Number.isNaN(subject)) return 'unknown';
  if (target.kind === 'atMost') return subject <= target.value ? 'met' : 'missed';
  if (peer === undefined || Number.isNaN(peer)) return 'unknown';
  const ratio = subject / peer;
  return (target.kind === 'ratioAtLeast' ? ratio >= target.value : ratio <= target.value) ? 'met' : 'missed';
}

export function renderTable(rows: readonly Row[], peerLabel: string, subjectLabel: string): string {
  const header = ['metric', 'unit', peerLabel, subjectLabel, 'ratio', 'target', '', ''];
  const lines = rows.map((row) => [
    row.metric,
    row.unit,
    format(row.peer),
    format(row.subject),
    ratioOf(row),
    row.target ? describeTarget(row.target) : '',
    judge(row),
    row.note ?? '',
  ]);
  const widths = header.map((_title, at) => Math.max(...[header, ...lines].map((line) => line[at]?.length ?? 0)));
  const isNumber = (at: number) => at >= 2 && at <= 4;
  return [header, ...lines]
    .map((line) =>
      line
        .map((cell, at) => (isNumber(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function ratioOf({ peer, subject, unit }: Row): string {
  if (unit === 'CPU') return '';
  const ratio = (subject ?? Number.NaN) / (peer ?? Number.NaN);
  return Number.isFinite(ratio) ? ratio.toFixed(2) : '';
}

function describeTarget({ kind, value }: Target): string {
  switch (kind) {
    case 'atMost':
      return `≤ ${value}`;
    case 'ratioAtLeast':
      return `≥ ${value} × peer`;
    case 'ratioAtMost':
      return `≤ ${value} × peer`;
  }
}

function format(value: number | undefined): string {
  if (value === undefined) return 'n/a';
  if (Number.isNaN(value)) return '?';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}
