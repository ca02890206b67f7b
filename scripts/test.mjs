/**
 * `node scripts/test.mjs [SUITE…]`: runs suites of tests one after another on the project's Node.js and prints, as the last
 * line, `N passed, N failed`. Exits with 1 when something failed or nothing ran.
 *
 * A suite is a folder of test/ (or `lint`, `typecheck`, which count as one test each). Without names: everything that
 * needs nothing but this checkout.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fail, PrepareError, prepare, ROOT, say } from './prepare.mjs';

const CHECKS = {
  lint: ['@biomejs/biome/bin/biome', 'check', '--no-errors-on-unmatched', '.'],
  typecheck: ['typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'],
  'typecheck:page': ['typescript/bin/tsc', '--noEmit', '-p', 'src/page/tsconfig.json'],
};
/** What `npm test` runs. system, browser, peer, e2e, long and bench need programs from elsewhere, or much time. */
const DEFAULT = [
  'lint',
  'typecheck',
  'typecheck:page',
  'architecture',
  'unit',
  'property',
  'golden',
  'fuzz',
  'migration',
  'scenario',
  'conformance',
];
/** Suites that start the server as it is installed; the others run from the sources. */
const NEEDS_BUILD = /^(?:test\/)?(?:scenario|system|conformance|peer|e2e|long|browser|bench)/;
/** Minutes that a run of node --test may take, and one test in it unless it says otherwise: what takes longer hangs. */
const LIMITS = { e2e: { run: 40, test: 35 }, peer: { run: 20, test: 5 }, long: { run: 15, test: 6 } };
const DEFAULT_LIMIT = { run: 20, test: 4 };
const CONCURRENCY = 2;
/**
 * Suites whose files share one process: they start hardly anything, and to load what all of them load took most of their
 * time.
 */
const SHARED = ['unit', 'property', 'golden', 'fuzz', 'migration'];

const names = process.argv.slice(2);
try {
  const suites = names.length > 0 ? names : DEFAULT;
  const { node } = await prepare({ build: suites.some((suite) => NEEDS_BUILD.test(suite)) });
  const totals = await runAll(suites, node);
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
  if (totals.passed + totals.failed === 0) say('no test ran');
  console.log(`\n${totals.passed} passed, ${totals.failed} failed${skipped}`);
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
} catch (error) {
  // Not even prepared: the closing line is there all the same, for whoever adds up the lines of several runs.
  if (error instanceof PrepareError) console.log('\n0 passed, 1 failed');
  fail(error);
}

/** Checks first, each as one test; then the files of all suites in one run of node --test, or two at once. */
async function runAll(suites, node) {
  const PATH = `${path.dirname(node)}${path.delimiter}${process.env.PATH ?? ''}`;
  const cache = path.join(ROOT, 'node_modules', '.cache', 'zonelog-test');
  const env = { NODE_COMPILE_CACHE: cache, ...process.env, PATH };
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const [apart, shared] = [[], []];
  for (const suite of suites) {
    if (suite in CHECKS) totals[check(suite, node, env) ? 'passed' : 'failed'] += 1;
    else (SHARED.includes(suite) ? shared : apart).push(...filesOf(suite));
  }
  const limits = suites.map((suite) => LIMITS[suite] ?? DEFAULT_LIMIT);
  const limit = { run: Math.max(...limits.map(({ run }) => run)), test: Math.max(...limits.map(({ test }) => test)) };
  const runs = [
    runTests(apart, node, env, limit, [`--test-concurrency=${CONCURRENCY}`]),
    runTests(shared, node, { ...env, ZONELOG_TEST_SHARED: '1' }, limit, ['--test-isolation=none']),
  ];
  for (const counts of await Promise.all(runs)) {
    totals.passed += counts.passed;
    totals.failed += counts.failed + counts.cancelled;
    totals.skipped += counts.skipped + counts.todo;
  }
  return totals;
}

function check(name, node, env) {
  const [script, ...args] = CHECKS[name];
  const started = Date.now();
  const done = spawnSync(node, [path.join(ROOT, 'node_modules', script), ...args], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  });
  const isOk = done.status === 0;
  if (!isOk) console.log(`${done.stdout}${done.stderr}`);
  console.log(`${isOk ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return isOk;
}

/** Test files of one suite: a folder of test/, a file there (`.test.ts` may be left out), or a path of either. */
function filesOf(suite) {
  const candidates = [path.join('test', suite), path.join('test', `${suite}.test.ts`), suite];
  const found = candidates.find((candidate) => fs.existsSync(path.join(ROOT, candidate)));
  if (found === undefined) {
    if (DEFAULT.includes(suite)) return [];
    throw new PrepareError(`there is no suite "${suite}" in test/`);
  }
  if (!fs.statSync(path.join(ROOT, found)).isDirectory()) return [found];
  const names = fs.readdirSync(path.join(ROOT, found), { recursive: true });
  return names
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => path.join(found, name));
}

/** One run of node --test; the counts of one failed test when it broke off. */
async function runTests(files, node, env, limit, how) {
  if (files.length === 0) return { passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'zonelog-test-'));
  const countsFile = path.join(folder, 'counts.json');
  const options = [...how, `--test-timeout=${limit.test * 60_000}`];
  options.push(`--test-reporter=${path.join(ROOT, 'scripts', 'reporter.mjs')}`, '--test-reporter-destination=stdout');
  try {
    const args = ['--disable-warning=ExperimentalWarning', '--test', ...options, ...files];
    const isOk = await runBounded(node, args, { ...env, ZONELOG_TEST_COUNTS: countsFile }, limit.run);
    const isCounted = fs.existsSync(countsFile);
    if (!isCounted) return { passed: 0, failed: 1, cancelled: 0, skipped: 0, todo: 0 };
    const counts = JSON.parse(fs.readFileSync(countsFile, 'utf8'));
    // A file that dies outside its tests fails the run without a failed test.
    if (!isOk && counts.failed + counts.cancelled === 0) counts.failed = 1;
    return counts;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Did the command end with 0 in time? Past the deadline it is ended. */
function runBounded(command, args, env, minutes) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
    const timer = setTimeout(() => {
      say(`the tests did not end within ${minutes} minutes; ending them`);
      child.kill('SIGTERM');
    }, minutes * 60_000);
    const interrupt = () => child.kill('SIGTERM');
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    child.on('error', reject);
    child.on('exit', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      resolve(code === 0);
    });
  });
}
