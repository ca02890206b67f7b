/**
 * A reporter for node --test: one line for each file, the whole story of each failure, and the counts of all files as one
 * JSON line in the file that ZONELOG_TEST_COUNTS names.
 */
import fs from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type === 'test:fail' && !isOnlyParent(data)) yield describeFailure(data);
    else if (type === 'test:stderr' || type === 'test:stdout') yield data.message;
    else if (type === 'test:summary' && data.file !== undefined) yield describeFile(data);
    else if (type === 'test:summary') {
      fs.writeFileSync(process.env.ZONELOG_TEST_COUNTS, JSON.stringify(data.counts));
    }
  }
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
  const text = typeof error === 'string' ? error : inspect(error, { depth: 8 });
  return `\nFAIL ${name}${where}\n${text.replace(/^/gm, '     ')}\n\n`;
}

function relative(file) {
  return path.relative(process.cwd(), file);
}
