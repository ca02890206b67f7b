/** One zone, one truth: what is transferred is what is answered, under one serial. */
import assert from 'node:assert/strict';
import { rdataText } from '../../src/dns/rdata-text.ts';
import { parseType } from '../../src/dns/type-text.ts';
import { applyTransfer, type DnsClient, type TransferredZone } from './dns-client.ts';
import { checkHistory } from './log-reader.ts';
import type { TestServer } from './server.ts';

/**
 * Asks for every record set of the zone and compares data and TTL with the transfer. The zone must be at rest.
 * @returns the transfer
 */
export async function checkAnswers(dns: DnsClient, zone: string): Promise<TransferredZone> {
  const transferred = await dns.axfr(zone);
  const sets = Map.groupBy(transferred.records, (line) => line.split('\t').slice(0, 4).join('\t'));
  for (const [head, lines] of sets) {
    const [owner = '', ttl, , type = ''] = head.split('\t');
    const { rcode, message } = await dns.ask(owner, type, { tcp: lines.length > 5, edns: 1232 });
    assert.equal(rcode, 'NOERROR', `${owner} ${type}`);
    const answered = message.answer
      .filter((record) => record.type === parseType(type))
      .map((record) => `${record.owner}\t${record.ttl}\tIN\t${type}\t${rdataText(record.rdata)}`);
    assert.deepEqual(answered.sort(), lines, `${owner} ${ttl} ${type}`);
  }
  assert.equal(await dns.serial(zone), transferred.serial, 'the SOA that is answered is the one that is transferred');
  assert.equal(await dns.serial(zone, { tcp: true }), transferred.serial);
  return transferred;
}

/**
 * A change is a new serial and an increment, and what a secondary makes of that is the zone.
 * @param change resolved when the zone has it
 */
export async function checkChange(dns: DnsClient, zone: string, change: () => Promise<unknown>): Promise<void> {
  const old = await dns.axfr(zone);
  await change();
  const transfer = await dns.ixfr(zone, old.serial);
  assert.equal(transfer.kind, 'incremental');
  const now = applyTransfer(old, transfer);
  assert.ok(now.serial > old.serial);
  assert.deepEqual(now, await checkAnswers(dns, zone));
}

/**
 * Stops the server and starts it without its clusters: it has the same zone.
 * @param without takes the clusters away
 */
export async function checkStartWithout(
  server: TestServer,
  zone: string,
  without: () => Promise<unknown>,
): Promise<void> {
  checkHistory(server.database, zone);
  const before = await server.dns.axfr(zone);
  await server.stop();
  await without();
  server.spawn();
  await server.answers();
  assert.deepEqual(await server.dns.axfr(zone), before);
}
