/**
 * Asks the recorded questions and compares the answers (see README.md here).
 *
 *   node --test test/conformance/conformance.test.ts
 *   CONFORMANCE_GROUPS=kubernetes,live CONFORMANCE_ONLY=zonal CONFORMANCE_SERVER=/path/to/server CONFORMANCE_JOBS=2 …
 */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadCases } from './case.ts';
import { hasPrivateNetworks, Pool } from './pool.ts';
import type { CaseResult } from './run.ts';

const { env } = process;
const server = env.CONFORMANCE_SERVER ?? join(import.meta.dirname, '../../bin/zonelog');
const groups = env.CONFORMANCE_GROUPS?.split(',');
const only = env.CONFORMANCE_ONLY ?? '';
const MAX_LINES = 60;

/** Why a case can't be asked; undefined when it can. */
function reasonToSkip({ addrs }: (typeof cases)[number]): string | undefined {
  return (addrs?.length ?? 0) > 0 && !pool.isPrivate ? 'needs a network namespace of its own' : undefined;
}

const cases = loadCases(env.CONFORMANCE_CASES).filter(
  ({ group, name }) => (groups === undefined || groups.includes(group)) && name.includes(only),
);
const isShared = env.CONFORMANCE_SERVER === undefined && env.CONFORMANCE_FRESH === undefined;
const pool = new Pool(server.split(' '), hasPrivateNetworks(), isShared);
const outcomes = new Map<string, CaseResult>();

describe('conformance', () => {
  after(() => {
    pool.close();
    console.log(summary());
    if (env.CONFORMANCE_JSON)
      writeFileSync(env.CONFORMANCE_JSON, JSON.stringify(Object.fromEntries(outcomes), null, 1));
  });
  for (const [group, members] of Map.groupBy(cases, (one) => one.group)) {
    describe(group, { concurrency: Number(env.CONFORMANCE_JOBS ?? 3) }, () => {
      for (const one of members) {
        it(one.name, { skip: reasonToSkip(one) ?? false }, async () => {
          const result = await pool.run(one);
          outcomes.set(one.name, result);
          const lines = result.results.flatMap(({ step, question, faults }) =>
            faults.length === 0 ? [] : [`step ${step}: ${question}`, ...faults.map((fault) => `    ${fault}`)],
          );
          if (result.failed !== undefined) lines.push(result.failed);
          const more = lines.length > MAX_LINES ? [`… ${lines.length - MAX_LINES} lines more`] : [];
          if (lines.length > 0) assert.fail([one.about, ...lines.slice(0, MAX_LINES), ...more].join('\n'));
        });
      }
    });
  }
});

/** Questions that passed and failed, by group. */
function summary(): string {
  const rows = new Map<string, { cases: number; passed: number; failed: number }>();
  for (const { name, group } of cases) {
    const result = outcomes.get(name);
    if (result === undefined) continue;
    const row = rows.get(group) ?? { cases: 0, passed: 0, failed: 0 };
    const passed = result.results.filter(({ faults }) => faults.length === 0).length;
    const failed =
      result.failed === undefined ? result.results.length - passed : Math.max(1, result.questions - passed);
    rows.set(group, { cases: row.cases + 1, passed: row.passed + passed, failed: row.failed + failed });
  }
  return [...rows]
    .map(([group, row]) => `${group}: ${row.cases} cases, ${row.passed} passed, ${row.failed} failed`)
    .join('\n');
}

// A missing server would fail every case in the same way.
assert.ok(existsSync(server.split(' ')[0] ?? ''), `no server at ${server}`);
