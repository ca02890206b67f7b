/** The words that are commands: the process asks before it loads them. */
export const COMMANDS: ReadonlySet<string> = new Set([
  'check',
  'completion',
  'diff',
  'events',
  'help',
  'history',
  'release',
  'snapshot',
  'status',
  'tail',
  'transfers',
  'verify',
  'who',
  'why',
  'zone',
]);
