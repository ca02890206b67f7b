/** A server over a cluster that changes, killed again and again, with a client that remembers. */
import assert from 'node:assert/strict';
import { CHURN_ZONE, type Churn } from './churn.ts';
import { checkHistory, readVersions } from './log-reader.ts';
import { type Ended, TestServer } from './server.ts';
import { eventually } from './wait.ts';
import { ZoneObserver } from './zone-observer.ts';

/** Between two changes of the cluster, milliseconds: some share a batch, most don't. */
const STEP_EVERY = 5;

export class CrashRun {
  readonly server: TestServer;
  readonly churn: Churn;
  readonly observer: ZoneObserver;
  /** Until the first answer of each restart, milliseconds. */
  readonly restarts: number[] = [];

  private constructor(server: TestServer, churn: Churn) {
    this.server = server;
    this.churn = churn;
    this.observer = new ZoneObserver(server.dns, CHURN_ZONE);
  }

  static async prepare(churn: Churn): Promise<CrashRun> {
    const { url } = await churn.api.start();
    const corefile = `
.:{{dns}} {
    bind 127.0.0.1
    kubernetes ${CHURN_ZONE} {
        endpoint ${url}
    }
    transfer {
        to *
    }
}
`;
    return new CrashRun(await TestServer.prepare({ corefile }), churn);
  }

  /** Starts the server so that it kills itself at a point, and changes the cluster until it does. */
  async crashAt(point: string): Promise<Ended> {
    this.server.spawn({ ZONELOG_CRASH_AT: point });
    return this.#changeUntil(this.server.ended);
  }

  /** Changes the cluster for so long, then kills the server, which must be running. */
  async killAfter(milliseconds: number): Promise<void> {
    const timer = new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
    await this.#changeUntil(timer);
    await this.server.stop('SIGKILL');
  }

  /** Starts the server in the ordinary way. @returns milliseconds until its first answer */
  async restart(): Promise<number> {
    this.server.spawn();
    const milliseconds = await this.server.answers();
    this.restarts.push(milliseconds);
    return milliseconds;
  }

  /** Waits until the zone is what the cluster is now. */
  async catchUp(): Promise<void> {
    const expected = this.churn.expected();
    const isService = (line: string) => line.split('\t')[0]?.endsWith(`.svc.${CHURN_ZONE}`);
    const services = async () => (await this.observer.look()).records.filter(isService);
    const isEqual = (lines: readonly string[]) =>
      lines.length === expected.length && lines.every((l, i) => l === expected[i]);
    await eventually(services, isEqual, `the zone is the cluster; wanted ${JSON.stringify(expected)}`);
  }

  /** Everything that was ever seen is in the journal, and a secondary that has it can follow. */
  async checkAll(): Promise<void> {
    const { observer, server } = this;
    checkHistory(server.database, CHURN_ZONE);
    const serials = new Set(readVersions(server.database, CHURN_ZONE).map((version) => Number(version.serial)));
    const lost = observer.versions.filter(({ serial }) => !serials.has(serial));
    assert.deepEqual(
      lost.map(({ serial }) => serial),
      [],
      'serials that a client has seen and the journal has not',
    );
    const incremental = await observer.checkIncrements();
    assert.ok(incremental > 0, 'not one transfer was incremental');
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.churn.api.stop();
  }

  async #changeUntil<T>(end: Promise<T>): Promise<T> {
    this.observer.watch();
    const timer = setInterval(() => this.churn.step(), STEP_EVERY);
    try {
      return await end;
    } finally {
      clearInterval(timer);
      await this.observer.stop();
    }
  }
}
