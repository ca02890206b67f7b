/** NOTIFY of a whole server to a secondary that is only a socket: when it comes, how it is signed, what is known after. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import { readVersions } from '../kit/log-reader.ts';
import { NotifyListener } from '../kit/notify-listener.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';

const KEYS = 'key k { algorithm hmac-sha384; secret "c2VjcmV0IG9mIHRoZSBrZXk="; };';

/** Between two messages to a secondary at least, milliseconds. */
const DELAY = 50;

describe('NOTIFY of a server with two serving threads', () => {
  const churn = new Churn(1996, 5);
  const listener = new NotifyListener(KEYS);
  let server: TestServer;

  const newest = () => Number(readVersions(server.database, CHURN_ZONE).at(-1)?.serial);
  /** Waits until the last serial in the journal was told. */
  const told = () =>
    eventually(
      () => [listener.serials.at(-1), newest()],
      ([last, wanted]) => last === wanted,
      'the newest serial is told',
    );
  const results = (text: string) => server.metric('zonelog_notify_results_total', { result: text });

  before(async () => {
    const port = await listener.open();
    const { url } = await churn.api.start();
    const corefile = `
.:{{dns}} {
    bind 127.0.0.1
    multisocket 2
    prometheus 127.0.0.1:{{metrics}}
    kubernetes ${CHURN_ZONE} {
        endpoint ${url}
    }
    tsig {
        secrets {{folder}}/keys
    }
    transfer {
        to 127.0.0.1:${port} key k
        to 127.0.0.0/8
        source 127.0.0.1
        notify ${DELAY}ms 500ms
    }
}
`;
    server = await TestServer.prepare({ corefile });
    writeFileSync(path.join(server.folder, 'keys'), KEYS);
    server.spawn();
    await server.hasZone(CHURN_ZONE);
  });
  after(async () => {
    listener.socket.close();
    await server?.close();
    await churn.api.stop();
  });

  test('tells of the version that is there at the start, signed, from the source', async () => {
    await told();
    assert.ok(listener.isSigned);
    assert.deepEqual([...listener.sources], ['127.0.0.1']);
    // A start that had to wait for its cluster may tell of more than one version; none is counted twice.
    await eventually(
      async () => [await results('acknowledged'), new Set(listener.serials).size],
      ([count, versions]) => count === versions,
      'each answer is counted',
    );
  });

  test('tells of each change once it can be transferred, and never of a serial that is not in the journal', async () => {
    for (let i = 0; i < 5; i++) {
      const before = listener.serials.length;
      churn.step();
      await eventually(
        () => listener.serials.length,
        (count) => count > before,
        'a change is told',
      );
      // Whoever is told may ask at once, and any of the threads.
      const serial = Number(listener.serials.at(-1));
      for (let j = 0; j < 4; j++) assert.ok((await server.dns.axfr(CHURN_ZONE)).serial >= serial);
    }
    await told();
    const known = new Set(readVersions(server.database, CHURN_ZONE).map((version) => Number(version.serial)));
    assert.ok(listener.serials.every((serial) => known.has(serial)));
  });

  test('tells of many changes in a row with few messages', async () => {
    const before = listener.serials.length;
    const began = performance.now();
    for (let i = 0; i < 60; i++) {
      churn.step();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await told();
    // One that got no answer in time may have been sent again.
    const sent = new Set(listener.serials.slice(before)).size;
    const most = 2 + (performance.now() - began) / DELAY;
    assert.ok(sent <= most, `${sent} messages where ${most} are enough`);
  });

  test('shows who has acknowledged and taken what', async () => {
    const program = server.command()[0] as string;
    const args = ['transfers', '-o', 'json', '-db', server.database];
    const wanted = async () => JSON.parse((await promisify(execFile)(program, args)).stdout).outgoing[0];
    // Changes from before may still be on their way.
    const { status } = await eventually(
      async () => {
        const { serial } = await server.dns.axfr(CHURN_ZONE);
        return { serial, status: await wanted() };
      },
      ({ serial, status: { serial: newest, secondaries } }) =>
        [newest, secondaries[0]?.acknowledged?.serial, secondaries[0]?.transferred?.serial].every(
          (one) => one === serial,
        ),
      'the newest serial is acknowledged and taken',
    );
    assert.equal(status.zone, CHURN_ZONE);
    const { stdout } = await promisify(execFile)(
      program,
      args.filter((word) => !/^(-o|json)$/.test(word)),
    );
    assert.match(
      stdout,
      /^ZONE +SERIAL +SECONDARY +ACKNOWLEDGED +TAKEN +BEHIND +LAST TRANSFER\ncluster\.local\. +\d+ +127\.0\.0\.1:\d+ +\d+ at /,
    );
  });

  test('tells again when it is not answered, and of what is newest after it was killed', async () => {
    listener.isSilent = true;
    const silentSince = listener.serials.length;
    churn.step();
    // Changes from before may come first.
    await eventually(
      () => listener.serials.slice(silentSince),
      (serials) => serials.some((serial, i) => serials.indexOf(serial) < i),
      'a serial is told again',
    );
    await server.stop('SIGKILL');
    listener.isSilent = false;
    // What is told from now on is told by the new process: nothing of the old one is on its way any more.
    await new Promise((resolve) => setImmediate(resolve));
    const before = listener.serials.length;
    server.spawn();
    await eventually(
      () => [listener.serials.slice(before).at(-1), newest()],
      ([last, wanted]) => last === wanted,
      'a start tells of what is there',
    );
  });

  test('a key that is nowhere is an error of the Corefile', async () => {
    const other = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    kubernetes ${CHURN_ZONE} {
        endpoint ${churn.api.url}
    }
    transfer {
        to 127.0.0.1:9 key nowhere
    }
}
`,
    });
    try {
      other.spawn();
      const { code } = await other.ended;
      assert.equal(code, 1);
      // On a slow machine it may be waiting for the cluster before it comes to this.
      assert.equal(
        other.said().trimEnd().split('\n').at(-1),
        "plugin/transfer: key 'nowhere.' is in no tsig stanza of the server block",
      );
    } finally {
      await other.close();
    }
  });
});
