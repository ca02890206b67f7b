/** The configurations of docs/secondaries.md, as they stand there. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const DOC = path.join(import.meta.dirname, '..', '..', 'docs', 'secondaries.md');

/** The code block under `<!-- file: NAME -->`. */
export function docFile(name: string): string {
  const text = readFileSync(DOC, 'utf8');
  const pattern = new RegExp(`<!-- file: ${name.replaceAll('.', '\\.')} -->\\s+\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``);
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/secondaries.md has no file ${name}`);
  return found;
}

/** Replaces each text; every one of them must be there. */
export function adapt(text: string, changes: Readonly<Record<string, string>>): string {
  let adapted = text;
  for (const [from, to] of Object.entries(changes)) {
    if (!adapted.includes(from)) throw new Error(`not there: ${from}`);
    adapted = adapted.replaceAll(from, to);
  }
  return adapted;
}
