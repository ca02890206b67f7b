/** The rules of ARCHITECTURE.md that can be read from the sources: who imports whom, and where the outside comes in. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';

const SRC = path.join(import.meta.dirname, '..', 'src');

/** Parts that others build on: a part may import itself and what is named here. `base` are the files of src/ without a part. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: ['base'],
  dns: ['base', 'dns'],
  corefile: ['base', 'dns', 'corefile'],
  ingest: ['base', 'dns', 'corefile', 'ingest'],
  projection: ['base', 'dns', 'corefile', 'ingest', 'projection'],
  serve: ['base', 'dns', 'corefile', 'ingest', 'projection', 'serve'],
  transfer: ['base', 'dns', 'corefile', 'ingest', 'projection', 'transfer'],
  // Past answers are made as present ones are: what is only made when asked for too. A difference is what IXFR brings.
  history: ['base', 'dns', 'corefile', 'ingest', 'projection', 'serve', 'transfer', 'history'],
  retention: ['base', 'dns', 'corefile', 'ingest', 'projection', 'retention'],
  preview: ['base', 'dns', 'corefile', 'ingest', 'projection', 'preview'],
  web: ['base', 'history', 'web'],
  // Runs in a browser: of the rest it knows only the shapes of answers.
  page: ['history', 'web', 'page'],
  demo: ['base', 'demo'],
};

/** Files that join the parts: they may import all, and nobody but they may import them. */
const ROOTS = /^(?:main|cli|writer|server)\.ts$|^(?:compose|cli|commands)\//;

/** The files of a part that the parts after it may import. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  ingest: [
    'event.ts',
    'delta.ts',
    'held-keys.ts',
    'log.ts',
    'log-slice.ts',
    'log-window.ts',
    'normalize.ts',
    'object-log.ts',
    'plan.ts',
    'removal.ts',
    'resource-path.ts',
    'term-index.ts',
  ],
  projection: [
    'zone.ts',
    'diff.ts',
    'journal.ts',
    'projector.ts',
    'history.ts',
    'state.ts',
    'fold.ts',
    'held.ts',
    'replica.ts',
    'seal.ts',
    'snapshot.ts',
    'base.ts',
    'compare-worlds.ts',
    'state-text.ts',
    'touched.ts',
    'transferred.ts',
  ],
  serve: ['synth.ts'],
  transfer: ['changesets.ts'],
  history: ['questions.ts', 'answers.ts', 'problem.ts', 'moment.ts'],
};

/** Packages that belong to one idea: who else wants what they do asks that file. */
const PACKAGE_OWNERS: Readonly<Record<string, RegExp>> = {
  'better-sqlite3': /^(?:database|ingest\/log|projection\/(?:journal|snapshot|history))\.ts$/,
  'dns-packet': /^dns\/wire\.ts$/,
};

/** Where clock, randomness, environment and arguments may be read. The page is a program of its own. */
const COMPOSITION = /^(?:main|cli|writer|server)\.ts$|^demo\/|^(?:compose|cli|commands)\/|^page\//;

const OUTSIDE: readonly (readonly [string, RegExp])[] = [
  ['process.env', /\bprocess\s*\.\s*env\b/],
  ['process.argv', /\bprocess\s*\.\s*argv\b/],
  ['Date.now', /\bDate\s*\.\s*now\b/],
  ['new Date()', /\bnew\s+Date\s*\(\s*\)/],
  ['process.hrtime', /\bprocess\s*\.\s*hrtime\b/],
  ['performance.now', /\bperformance\s*\.\s*now\b/],
  ['Math.random', /\bMath\s*\.\s*random\b/],
  ['randomness of node:crypto', /\b(?:randomBytes|randomUUID|randomInt|getRandomValues)\b/],
];

const MAX_LINES = 400;

interface Import {
  /** Path in src/, or the name of a package. */
  readonly target: string;
  readonly isPackage: boolean;
  /** Erased when compiled. */
  readonly isTypeOnly: boolean;
}

interface Source {
  /** Path in src/, with slashes. */
  readonly file: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** `import … from`, `export … from`; then `import '…'`, `import('…')`, `new URL('…', import.meta.url)`. */
const IMPORT_FROM = /^[ \t]*(import|export)\s+(type\s+)?(?:[\w*{][^'"`;()]*?\s)?from\s*['"]([^'"]+)['"]/gm;
const OTHER_IMPORT = /^[ \t]*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

function readSource(file: string): Source {
  const text = readFileSync(path.join(SRC, file), 'utf8');
  const code = withoutComments(text);
  const imports: Import[] = [];
  const add = (specifier: string, isTypeOnly: boolean) => {
    const isPackage = !specifier.startsWith('.');
    const target = isPackage ? packageOf(specifier) : path.posix.join(path.posix.dirname(file), specifier);
    imports.push({ target, isPackage, isTypeOnly });
  };
  for (const match of code.matchAll(IMPORT_FROM)) add(match[3] as string, match[2] !== undefined);
  for (const match of code.matchAll(OTHER_IMPORT)) add((match[1] ?? match[2]) as string, false);
  return { file, text: code, imports };
}

/** '@scope/name/deep' → '@scope/name'. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** The text with its comments blanked out; strings and lines stay where they are. */
function withoutComments(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|(?<=^|[\s;,({})])\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g,
    (match) => (match.startsWith('/') ? match.replace(/[^\n]/g, ' ') : match),
  );
}

function partOf(file: string): string {
  const slash = file.indexOf('/');
  return slash < 0 ? 'base' : file.slice(0, slash);
}

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((file) => file.split(path.sep).join('/'))
  .filter((file) => file.endsWith('.ts'))
  .sort()
  .map(readSource);

/** Fails with one line for each offence. */
function assertNone(offences: readonly string[], rule: string): void {
  assert.equal(offences.length, 0, `${rule}:\n  ${offences.join('\n  ')}`);
}

function localImports(isOfInterest: (source: Source) => boolean): [Source, Import][] {
  return sources
    .filter(isOfInterest)
    .flatMap((source) =>
      source.imports.filter((each) => !each.isPackage).map((each): [Source, Import] => [source, each]),
    );
}

const isJoined = ({ file }: Source) => !ROOTS.test(file);

describe('architecture', () => {
  it('reads all imports', () => {
    assert.ok(sources.length > 10);
    const files = new Set(sources.map((source) => source.file));
    const missing = localImports(() => true).filter(([, { target }]) => target.endsWith('.ts') && !files.has(target));
    assertNone(
      missing.map(([{ file }, { target }]) => `${file} → ${target}`),
      'imports of files that are not there',
    );
    const zone = sources.find(({ file }) => file === 'projection/zone.ts');
    assert.ok(zone?.imports.some(({ target, isTypeOnly }) => target === 'ingest/plan.ts' && isTypeOnly));
  });

  it('goes one way: ingest → projection → serve | transfer, over the leaves dns and corefile', () => {
    const known = new Set(Object.keys(MAY_IMPORT));
    const offences = localImports(isJoined).flatMap(([{ file }, { target }]) => {
      const [from, to] = [partOf(file), partOf(target)];
      if (!known.has(from)) return [`${file}: "${from}" is no part: name it in this test`];
      if (ROOTS.test(target)) return [`${file} → ${target}: nobody imports what joins the parts`];
      return MAY_IMPORT[from]?.includes(to) ? [] : [`${file} → ${target}`];
    });
    assertNone([...new Set(offences)], 'imports against the direction of the data');
  });

  it('enters an earlier part only through its doors', () => {
    const offences = localImports(isJoined).flatMap(([{ file }, { target }]) => {
      const to = partOf(target);
      const doors = DOORS[to];
      if (doors === undefined || partOf(file) === to) return [];
      return doors.includes(target.slice(to.length + 1)) ? [] : [`${file} → ${target}`];
    });
    assertNone(offences, 'imports past the doors');
  });

  it('has no cycles', () => {
    const next = new Map(
      sources.map(({ file, imports }) => [
        file,
        imports.filter((each) => !each.isPackage && !each.isTypeOnly).map((each) => each.target),
      ]),
    );
    assertNone(findCycles(next), 'files that import each other');
  });

  it('keeps each package in its place', () => {
    const offences = sources.flatMap(({ file, imports }) =>
      imports
        .filter(({ target, isPackage, isTypeOnly }) => isPackage && !isTypeOnly && PACKAGE_OWNERS[target] !== undefined)
        .filter(({ target }) => !PACKAGE_OWNERS[target]?.test(file))
        .map(({ target }) => `${file} → ${target}`),
    );
    assertNone(offences, 'packages outside the file that owns them');
  });

  it('lets clock, randomness, environment and arguments in only where the program is composed', () => {
    const offences = sources
      .filter(({ file }) => !COMPOSITION.test(file))
      .flatMap(({ file, text }) =>
        text
          .split('\n')
          .flatMap((line, index) =>
            OUTSIDE.filter(([, pattern]) => pattern.test(line)).map(([what]) => `${file}:${index + 1}: ${what}`),
          ),
      );
    assertNone(offences, 'the outside, read in the middle of the program');
  });

  it(`has no file of more than ${MAX_LINES} lines`, () => {
    const offences = sources
      .map(({ file, text }) => ({ file, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > MAX_LINES)
      .map(({ file, lines }) => `${file}: ${lines} lines`);
    assertNone(offences, 'files that hold more than one idea');
  });
});

/** One line for each cycle that a walk through all files comes across. */
function findCycles(next: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) cycles.push([...trail.slice(start), file].join(' → '));
    if (start >= 0 || done.has(file)) return;
    for (const target of next.get(file) ?? []) walk(target, [...trail, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  return cycles;
}
