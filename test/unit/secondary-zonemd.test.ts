/** `zonemd` of `secondary`: versions of other servers are verified by their digest (RFC 8976 §4) before they count. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { readMasterFile } from '../../src/dns/master-file.ts';
import { type ResourceRecord, RRType } from '../../src/dns/rrset.ts';
import type { SecondarySource } from '../../src/ingest/secondary/primary.ts';
import { TestPrimary } from '../kit/primary.ts';
import { name } from '../kit/records.ts';
import { SecondaryKit, sourceOf } from '../kit/secondary.ts';
import { simpleDigest } from '../kit/simple-digest.ts';
import { eventually } from '../kit/wait.ts';

const ZONE = 'example.org.';
const WRONG = 'ab'.repeat(48);

const plain = (serial: number, hosts: readonly string[]) => `$ORIGIN example.org.
@ 60 IN SOA ns hostmaster ${serial} 3600 60 86400 60
@ 60 IN NS ns
ns 60 IN A 192.0.2.1
${hosts.map((host, i) => `${host} 60 IN A 192.0.2.${i + 10}`).join('\n')}
`;

function recordsOf(text: string): ResourceRecord[] {
  return [...readMasterFile(text, { origin: name('.') })].map((read) => {
    if ('problem' in read) throw new SyntaxError(read.problem);
    return read;
  });
}

/** With its digest, or with another one. */
function digested(serial: number, hosts: readonly string[], digest?: string): string {
  const text = plain(serial, hosts);
  return `${text}@ 60 IN ZONEMD ${serial} 1 1 ${digest ?? simpleDigest(ZONE, recordsOf(text), 'sha384')}\n`;
}

describe('secondary zones with digests', () => {
  let running: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    await Promise.all(running.map((one) => one.stop()));
    running = [];
  };
  beforeEach(stop);
  after(stop);

  async function follow(text: string, policy: SecondarySource['zonemd']) {
    const primary = await TestPrimary.open(text);
    const kit = new SecondaryKit();
    running.push(kit.secondaries, primary);
    await kit.secondaries.configure([sourceOf(ZONE, [primary], policy && { zonemd: policy })]);
    return {
      primary,
      kit,
      publish(next: string) {
        primary.publish(next);
        kit.secondaries.notify(ZONE, primary.address);
      },
      isTaken: (serial: number) =>
        eventually(
          () => kit.serial(ZONE),
          (seen) => seen === serial,
          `serial ${serial} is taken: ${kit.lines.join('')}`,
        ),
      isRefused: (reason: RegExp) =>
        eventually(
          () => kit.lines.join(''),
          (lines) => reason.test(lines),
          `the log says ${reason}`,
        ),
    };
  }

  test('are taken while they are right, whole and by differences, and not when they are wrong', async () => {
    const { primary, kit, publish, isTaken, isRefused } = await follow(digested(1, ['www']), 'verify');
    await isTaken(1);
    publish(digested(2, ['www', 'mail']));
    await isTaken(2);
    assert.equal(primary.count(RRType.AXFR), 1, 'the second came as a difference');
    publish(digested(3, ['www', 'mail', 'other'], WRONG));
    await isRefused(/ZONEMD: the digest is of another zone/);
    await eventually(
      () => kit.metric('zonelog_transfer_in_total', [ZONE, 'failed']),
      (count) => count > 0,
      'it is counted',
    );
    assert.equal(kit.serial(ZONE), 2, 'what was there stays');
    publish(digested(4, ['www']));
    await isTaken(4);
  });

  test('whose differences lead to a wrong digest are asked for as a whole', async () => {
    const { primary, kit, publish, isTaken } = await follow(digested(1, ['www']), 'verify');
    await isTaken(1);
    const next = digested(2, ['www', 'mail', 'other']);
    primary.trick = (exchange) => {
      if (exchange.asked.type !== RRType.IXFR) return false;
      // It forgets a record.
      const [before, now] = [recordsOf(digested(1, ['www'])), recordsOf(next)];
      const of = (records: ResourceRecord[], type: RRType) => records.filter((record) => record.type === type);
      const [from, to] = [of(before, RRType.SOA), of(now, RRType.SOA)];
      const added = now.filter(({ owner }) => owner === 'mail.example.org.');
      exchange.sendMessages(
        exchange.message([
          ...to,
          ...from,
          ...of(before, RRType.ZONEMD),
          ...to,
          ...of(now, RRType.ZONEMD),
          ...added,
          ...to,
        ]),
      );
      return true;
    };
    publish(next);
    await isTaken(2);
    assert.deepEqual(kit.zone(ZONE), primary.lines);
    assert.equal(kit.metric('zonelog_transfer_in_fallbacks_total', [ZONE]), 1);
  });

  test('need none with verify, and one with require', async () => {
    const lenient = await follow(plain(1, ['www']), 'verify');
    await lenient.isTaken(1);
    const strict = await follow(plain(1, ['www']), 'require');
    await strict.isRefused(/ZONEMD: there is none/);
    strict.publish(digested(2, ['www']).replace(' 1 1 ', ' 1 240 '));
    await strict.isRefused(/ZONEMD: none of a hash that is known here/);
    assert.equal(strict.kit.serial(ZONE), undefined);
    strict.publish(digested(3, ['www']));
    await strict.isTaken(3);
  });

  test('are taken as they are without the option', async () => {
    const { isTaken } = await follow(digested(1, ['www'], WRONG), undefined);
    await isTaken(1);
  });
});
