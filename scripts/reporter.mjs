/**
 * A reporter for node --test: one line for each file (also where ZONELOG_TEST_SHARED says that files share a process), the
 * whole story of each failure, and the counts of all files as one JSON line in the file that ZONELOG_TEST_COUNTS names.
 */
import fs from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';

export default async function* report(events) {
  /** Of files that share a process: what their tests came to. */
  const shared = new Map();
  for await (const { type, data } of events) {
    note(shared, type, data);
    if (type === 'test:fail' && !isOnlyParent(data)) yield describeFailure(data);
    else if (type === 'test:stderr' || type === 'test:stdout') yield data.message;
    // Nobody's failure any more, but it fails the file.
    else if (type === 'test:diagnostic' && / generated asynchronous activity /.test(data.message))
      yield `${data.message}\n`;
    else if (type === 'test:summary' && data.file !== undefined) yield describeFile(data);
    else if (type === 'test:summary') {
      for (const [file, { counts, duration_ms }] of shared) {
        yield describeFile({ file, counts, duration_ms, success: counts.failed === 0 });
      }
      fs.writeFileSync(process.env.ZONELOG_TEST_COUNTS, JSON.stringify(data.counts));
    }
  }
}

/** Adds a test to those of its file, where node --test counts no files: it does so for each process. */
function note(shared, type, data) {
  if (process.env.ZONELOG_TEST_SHARED === undefined || (type !== 'test:pass' && type !== 'test:fail')) return;
  const { file, nesting, details, skip } = data;
  if (file === undefined) return;
  let own = shared.get(file);
  if (own === undefined) {
    own = { counts: { passed: 0, failed: 0, cancelled: 0, skipped: 0 }, duration_ms: 0 };
    shared.set(file, own);
  }
  if (nesting === 0) own.duration_ms += details.duration_ms;
  if (details.type === 'suite' || isOnlyParent(data)) return;
  if (skip !== undefined) own.counts.skipped += 1;
  else own.counts[type === 'test:pass' ? 'passed' : 'failed'] += 1;
}

/** A suite fails with its tests, which have been told already. */
function isOnlyParent({ details }) {
  return details.error?.failureType === 'subtestsFailed';
}

function describeFile({ file, counts, duration_ms, success }) {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  const failed = counts.failed + counts.cancelled;
  const seconds = (duration_ms / 1000).toFixed(1);
  return `${success ? 'ok  ' : 'FAIL'} ${relative(file)}: ${counts.passed} passed, ${failed} failed${skipped} (${seconds} s)\n`;
}

function describeFailure({ name, file, line, details }) {
  const where = file === undefined ? '' : ` (${relative(file)}:${line})`;
  const error = details.error?.cause ?? details.error;
  const { exitCode, signal } = details.error ?? {};
  // Of a file whose process ended badly outside of its tests nothing else is known.
  const ending = exitCode === undefined ? '' : `, its process ended with ${signal ?? `code ${exitCode}`}`;
  const text = typeof error === 'string' ? `${error}${ending}` : inspect(error, { depth: 8 });
  return `\nFAIL ${name}${where}\n${text.replace(/^/gm, '     ')}\n\n`;
}

function relative(file) {
  return path.relative(process.cwd(), file);
}
