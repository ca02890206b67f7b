/** The commands that copy, cut, preview and follow a log, put to the log of a server that follows a real cluster. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandRun, runAt } from '../kit/command-run.ts';
import type { TransferredZone } from '../kit/dns-client.ts';
import { checkCommands } from '../kit/history-check.ts';
import { readObjectEvents } from '../kit/log-reader.ts';
import type { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import type { Cluster } from './cluster.ts';
import { HTTP_PORT, service } from './objects.ts';

const zonelog = (...words: string[]): Promise<CommandRun> => runAt(Date.now(), words);

async function printed(...words: string[]): Promise<string> {
  const { code, out, err } = await zonelog(...words);
  assert.deepEqual([code, err], [0, ''], words.join(' '));
  return out;
}

const linesOf = (text: string) => text.trimEnd().split('\n');

interface Changed {
  readonly zone: string;
  readonly version: { readonly serial: number; readonly time: string };
  readonly added: readonly { readonly owner: string; readonly type: string; readonly data: string }[];
}

/** The published changes of a zone since a version, that one included. */
async function changesSince(database: string, zone: string, serial: number): Promise<Changed[]> {
  const words = ['tail', '--zone', zone, '--since', String(serial), '--no-follow', '-o', 'json', '-db', database];
  return linesOf(await printed(...words)).map((line) => JSON.parse(line));
}

/** `plan` tells of manifests what `kubectl apply` of them then does. */
export async function checkPlan(
  server: TestServer,
  cluster: Cluster,
  zones: readonly string[],
  objects: readonly object[],
): Promise<void> {
  const file = join(server.folder, 'manifests.yaml');
  writeFileSync(file, objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(''));
  const planned = JSON.parse(await printed('plan', '-f', file, '-o', 'json', '-db', server.database));
  assert.deepEqual(planned.notes, []);
  const lines = (records: readonly { owner: string; ttl: number; type: string; data: string }[]) =>
    records.map(({ owner, ttl, type, data }) => [owner, ttl, 'IN', type, data].join('\t'));
  const wanted = new Map<string, readonly string[]>();
  for (const zone of zones) {
    const { records } = await server.dns.axfr(zone);
    const effect = planned.zones.find((one: { zone: string }) => one.zone === zone);
    assert.ok(effect !== undefined, `nothing is planned for ${zone}`);
    const removed = new Set(lines(effect.removed));
    for (const line of removed) assert.ok(records.includes(line), `${line} is to go, and is not there`);
    wanted.set(zone, [...records.filter((line) => !removed.has(line)), ...lines(effect.added)].sort());
  }
  await cluster.kubectl(['apply', '-f', file]);
  for (const zone of zones) {
    await eventually(
      () => server.dns.axfr(zone),
      ({ records }) => records.join('\n') === wanted.get(zone)?.join('\n'),
      `${zone} is as planned:\n${wanted.get(zone)?.join('\n')}`,
    );
  }
  assert.equal(
    (await zonelog('plan', '-f', file, '-db', server.database)).code,
    1,
    'a second time nothing would change',
  );
}

/** `tail` tells of a change as it happens, and of all that were seen since. */
export async function checkTail(server: TestServer, cluster: Cluster, zone: string): Promise<void> {
  const { serial } = await server.dns.axfr(zone);
  const words = ['--zone', zone, '--name', 'followed.shop.*', '--since', String(serial), '--count', '1', '-o', 'json'];
  const followed = printed('tail', ...words, '-db', server.database);
  await cluster.applyObjects([service('shop', 'followed', { clusterIP: '10.96.77.8', ports: HTTP_PORT })]);
  const [change, ...more] = linesOf(await followed).map((line): Changed => JSON.parse(line));
  assert.deepEqual(more, []);
  assert.deepEqual(
    change?.added.filter(({ type }) => type === 'A').map(({ owner, data }) => [owner, data]),
    [[`followed.shop.svc.${zone}`, '10.96.77.8']],
  );
  assert.ok(change.version.serial > serial);
}

/** `events` is the log, filtered. */
export async function checkEvents(database: string): Promise<void> {
  const logged = readObjectEvents(database)
    .filter(({ object, key }) => object === 'Service' && key.startsWith('shop/'))
    .map(({ kind, key, cause }) => [kind, key, cause.resourceVersion, cause.manager]);
  assert.ok(logged.length > 5);
  const told = await printed('events', '--kind', 'service', '--namespace', 'shop', '-o', 'json', '-db', database);
  const rows = linesOf(told).map((line) => JSON.parse(line));
  assert.deepEqual(
    rows.map(({ event, namespace, name, resourceVersion, manager }) => [
      event,
      `${namespace}/${name}`,
      resourceVersion,
      manager,
    ]),
    logged,
  );
}

/** A copy of a log in use is whole, and knows every version. @returns the copy */
export async function checkBackup(
  { database, folder }: TestServer,
  zone: string,
  versions: readonly TransferredZone[],
): Promise<string> {
  const copy = join(folder, 'copy.db');
  const told = await printed('backup', copy, '-db', database);
  const head = /head ([0-9a-f]{64})$/m.exec(told)?.[1];
  assert.match(await printed('verify', '-db', copy), new RegExp(`the chain is whole, head ${head}\n`));
  await printed('verify', '-db', database);
  await checkCommands(copy, zone, versions);
  return copy;
}

/** What questions about these versions are answered with: each as a whole, and what lies between neighbours. */
async function told(database: string, zone: string, versions: readonly TransferredZone[]): Promise<CommandRun[]> {
  const runs: CommandRun[] = [];
  for (const [i, { serial }] of versions.entries()) {
    runs.push(await zonelog('zone', zone, '--at', String(serial), '-db', database));
    const next = versions[i + 1];
    if (next === undefined) continue;
    runs.push(await zonelog('diff', zone, String(serial), String(next.serial), '-o', 'json', '-db', database));
  }
  return runs;
}

/** A part of the log, elsewhere, has the same serials and answers; of what is outside it says so. */
export async function checkSlice(database: string, zone: string, versions: readonly TransferredZone[]): Promise<void> {
  const [low, high] = [Math.floor(versions.length / 3), Math.floor((2 * versions.length) / 3)];
  const [first, last] = [versions[low]?.serial, versions[high]?.serial];
  const lines = `${database}.jsonl`;
  writeFileSync(
    lines,
    await printed('export', '--from', `${first}`, '--to', `${last}`, '--zone', zone, '-db', database),
  );
  const slice = `${database}.slice`;
  assert.match(await printed('import', lines, '-db', slice), /the same serials/);
  await printed('verify', '-db', slice);
  const within = versions.slice(low, high + 1);
  assert.deepEqual(await told(slice, zone, within), await told(database, zone, within));
  for (const outside of [versions[0], versions.at(-1)]) {
    const asked = await zonelog('zone', zone, '--at', `${outside?.serial}`, '-db', slice);
    assert.deepEqual([asked.code, asked.out], [2, '']);
    assert.match(asked.err, /^serial \d+ (?:is before the log|was never published)[^\n]*\n$/);
  }
  writeFileSync(lines, await printed('export', '-db', database));
  const whole = `${database}.whole`;
  const head = /head ([0-9a-f]{64})/.exec(await printed('import', lines, '-db', whole))?.[1];
  assert.ok(head !== undefined && (await printed('verify', '-db', database)).includes(`head ${head}`));
  assert.deepEqual(await told(whole, zone, versions), await told(database, zone, versions));
}

/** After a compaction all since then is as it was, and what was before says so. */
export async function checkCompaction(
  database: string,
  zone: string,
  versions: readonly TransferredZone[],
): Promise<void> {
  const kept = versions.slice(Math.floor(versions.length / 2));
  const serial = kept[0]?.serial ?? 0;
  const [oldest] = await changesSince(database, zone, serial);
  assert.equal(oldest?.version.serial, serial);
  const before = await told(database, zone, kept);
  // A second more: time goes on between this line and the command, which counts back from its own.
  const seconds = Math.ceil((Date.now() - Date.parse(oldest.version.time)) / 1000) + 1;
  assert.match(await printed('compact', '--keep', `${seconds}s`, '-db', database), /removed, the log begins at/);
  assert.match(await printed('verify', '-db', database), /with the base of what was removed/);
  assert.deepEqual(await told(database, zone, kept), before);
  const asked = await zonelog('zone', zone, '--at', `${versions[0]?.serial}`, '-db', database);
  assert.deepEqual([asked.code, asked.out], [2, '']);
  assert.match(asked.err, /^serial \d+ (?:is before the log|was never published)[^\n]*\n$/);
}
