/** The live feed: what a client is sent, how it goes on after it was cut off, and what a slow one costs. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { it, type TestContext } from 'node:test';
import { LOOK_EVERY, MOST_CLIENTS } from '../../src/web/feed.ts';
import { EAST, service, WEST } from '../kit/cluster-events.ts';
import { type WebApp, webApp } from '../kit/web-app.ts';

interface FeedEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
}

/** Reads events off a connection as a browser does. */
class Listener {
  readonly status: number;
  readonly type: string | null;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #abort: AbortController;
  #text = '';
  lastId = '';

  private constructor(response: Response, abort: AbortController) {
    assert.ok(response.body);
    this.status = response.status;
    this.type = response.headers.get('content-type');
    this.#reader = response.body.getReader();
    this.#abort = abort;
  }

  static async open(t: TestContext, url: string, headers: Record<string, string> = {}): Promise<Listener> {
    const abort = new AbortController();
    t.after(() => abort.abort());
    return new Listener(await fetch(url, { headers, signal: abort.signal }), abort);
  }

  /** The next block, whatever it is. */
  async next(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { value, done } = await this.#reader.read();
      if (done) throw new Error('the feed has ended');
      this.#text += new TextDecoder().decode(value);
    }
  }

  /** The next change. */
  async change(): Promise<{ zone: string; added: readonly { data: string }[] }> {
    for (;;) {
      const fields = Object.fromEntries(
        (await this.next()).split('\n').map((line) => line.split(/: (.*)/s)),
      ) as FeedEvent;
      if (fields.id !== undefined) this.lastId = fields.id;
      if (fields.event === 'change') return JSON.parse(fields.data ?? '');
    }
  }

  close(): void {
    this.#abort.abort();
  }
}

async function listening(t: TestContext): Promise<{ app: WebApp; url: string }> {
  const app = await webApp(t);
  await app.http.listen({ host: '127.0.0.1', port: 0 });
  const address = app.http.server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { app, url: `http://127.0.0.1:${address.port}/api/v1/live` };
}

let last = 10;
/** A change of one zone, with an address that was not there before. */
function change(app: WebApp, cluster = EAST): string {
  const address = `10.9.0.${++last}`;
  app.recording.record([service(cluster, 'shop/cart', [address])]);
  return address;
}

const dataOf = ({ added }: { added: readonly { data: string }[] }) => added.map(({ data }) => data);

it('sends what is published from now on, and nothing older', async (t) => {
  const { app, url } = await listening(t);
  const listener = await Listener.open(t, url);
  assert.equal(listener.status, 200);
  assert.equal(listener.type, 'text/event-stream; charset=utf-8');
  const address = change(app);
  app.tick();
  const first = await listener.change();
  assert.equal(first.zone, 'cluster.local.');
  assert.ok(dataOf(first).includes(address));
});

it('a client that was cut off goes on where it was: nothing twice, nothing left out', async (t) => {
  const { app, url } = await listening(t);
  const listener = await Listener.open(t, url);
  await listener.next();
  const addresses: string[] = [];
  const seen: string[] = [];
  for (let i = 0; i < 3; i++) {
    addresses.push(change(app));
    app.tick();
    seen.push(...dataOf(await listener.change()).filter((data) => data.startsWith('10.9.')));
  }
  listener.close();
  for (let i = 0; i < 120; i++) addresses.push(change(app));
  const again = await Listener.open(t, url, { 'last-event-id': listener.lastId });
  while (new Set(seen).size < addresses.length) {
    const next = dataOf(await again.change()).filter((data) => data.startsWith('10.9.'));
    app.tick();
    seen.push(...new Set(next));
  }
  assert.deepEqual([...new Set(seen)], addresses);
});

it('begins at the start for who asks for it, and keeps to a zone and a pattern of names', async (t) => {
  const { app, url } = await listening(t);
  const listener = await Listener.open(t, `${url}?after=start&zone=west.local&name=*cart*`);
  const address = change(app, WEST);
  change(app, EAST);
  app.tick();
  for (let found = false; !found; ) {
    const only = await listener.change();
    assert.equal(only.zone, 'west.local.');
    found = dataOf(only).includes(address);
  }
});

it('what fits nobody moves the id on all the same', async (t) => {
  const { app, url } = await listening(t);
  const listener = await Listener.open(t, `${url}?name=nobody.example`);
  const begun = /^id: (.*)$/m.exec(await listener.next())?.[1];
  change(app);
  app.tick();
  const moved = /^id: (.*)$/m.exec(await listener.next())?.[1];
  assert.ok(begun !== undefined && moved !== undefined && moved !== begun);
});

it('says that it is still here, every fifteen seconds', async (t) => {
  const { app, url } = await listening(t);
  const listener = await Listener.open(t, url);
  await listener.next();
  for (let waited = 0; waited < 15_000; waited += LOOK_EVERY) app.tick();
  assert.equal(await listener.next(), ': still here');
});

it('refuses a client too many, a cursor that is none, and a zone that never was', async (t) => {
  const { app, url } = await listening(t);
  assert.equal((await fetch(`${url}?after=x`)).status, 400);
  assert.equal((await fetch(`${url}?zone=nowhere.example`)).status, 404);
  await Promise.all(Array.from({ length: MOST_CLIENTS }, () => Listener.open(t, url)));
  assert.equal(app.feed.clients, MOST_CLIENTS);
  const refused = await fetch(url);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('content-type'), 'application/problem+json');
});

it('a client that takes nothing gets no more than its share, and is let go', async (t) => {
  const app = await webApp(t);
  const ports = Array.from({ length: 200 }, (_, i) => ({
    name: `p${i}-${'x'.repeat(50)}`,
    port: i + 1,
    protocol: 'tcp',
  }));
  for (let i = 0; i < 60; i++) app.recording.record([service(EAST, `shop/big-${i}`, [`10.8.0.${i}`], { ports })]);
  // Whatever is written stays where it is.
  const stuck = new Writable({ write: () => {} });
  app.feed.add(stuck, { after: 'start' }, 'start');
  const other = new Writable({ write: (_chunk, _encoding, done) => done() });
  app.feed.add(other, { after: 'start' }, 'start');
  for (let i = 0; i < 200 && !stuck.destroyed; i++) app.tick();
  assert.ok(stuck.destroyed);
  assert.ok(stuck.writableLength > 256 * 1024 && stuck.writableLength < 8 * 1024 * 1024, String(stuck.writableLength));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(app.feed.clients, 1);
  assert.ok(!other.destroyed);
});
