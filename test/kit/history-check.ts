/** The commands that ask the past, put to a server's log: of each version that was transferred they tell what it was. */
import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { runCommand } from '../../src/cli.ts';
import type { TransferredZone } from './dns-client.ts';

/** What a command prints, and how it ends. */
async function run(words: readonly string[]): Promise<{ readonly out: string; readonly code: number }> {
  let out = '';
  const into = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk);
      done();
    },
  });
  const around = { env: {}, stdin: () => Readable.from([]), stdout: into, stderr: into, now: Date.now };
  const code = await runCommand(words, { ...around, interrupted: async () => {} });
  return { out, code };
}

const linesOf = (out: string) => out.trimEnd().split('\n');
const without = (lines: readonly string[], others: readonly string[]) => {
  const known = new Set(others);
  return lines.filter((line) => !known.has(line)).sort();
};

/** @param versions in their order, as a client got them */
export async function checkCommands(
  database: string,
  zone: string,
  versions: readonly TransferredZone[],
): Promise<void> {
  for (const [i, { serial, soa, records }] of versions.entries()) {
    const told = await run(['zone', zone, '--at', String(serial), '-db', database]);
    assert.equal(told.code, 0, told.out);
    const [first, ...rest] = linesOf(told.out);
    assert.equal(first, soa);
    assert.deepEqual(rest.sort(), records, `serial ${serial}`);
    const before = versions[i - 1];
    if (before === undefined) continue;
    const { out } = await run(['diff', zone, String(before.serial), String(serial), '-db', database]);
    // The first two lines name the versions, the next two are the SOA records.
    const changed = linesOf(out).slice(4);
    const marked = (mark: string) => changed.filter((line) => line.startsWith(mark)).map((line) => line.slice(1));
    assert.deepEqual(marked('-').sort(), without(before.records, records), `${before.serial} → ${serial}`);
    assert.deepEqual(marked('+').sort(), without(records, before.records), `${before.serial} → ${serial}`);
  }
  const newest = versions.at(-1);
  for (const line of newest?.records.slice(0, 20) ?? []) {
    const [name = '', , , type = '', data = ''] = line.split('\t');
    const value = await run(['history', name, type, '--zone', zone, '--limit', '1', '-o', 'zone', '-db', database]);
    assert.ok(linesOf(value.out).includes(line), value.out);
    const why = await run(['why', name, type, '--zone', zone, '-db', database]);
    assert.equal(why.code, 0, why.out);
    if (type !== 'A') continue;
    const who = await run(['who', data, '-db', database]);
    // The server's own address is no object's.
    assert.ok(name.startsWith('ns.dns.') || who.out.includes(name), who.out);
  }
  const events = await run(['events', '-o', 'json', '-db', database]);
  assert.equal(events.code, 0);
  assert.ok(linesOf(events.out).every((line) => JSON.parse(line).position > 0));
}
