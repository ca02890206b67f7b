/** The history API by its requests: what is refused and with which status, pages, the document, the feed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { fastify } from 'fastify';
import { EAST, service } from '../kit/cluster-events.ts';
import { webApp } from '../kit/web-app.ts';

const CART = 'cart.shop.svc.cluster.local';
const TOKEN = 'correct-horse-battery-staple';
const SECURED = { access: { token: () => TOKEN, hasCertificates: false, host: '' } };

type Json = Readonly<Record<string, unknown>>;

function problemOf(body: unknown): Json {
  assert.ok(typeof body === 'object' && body !== null);
  const { type, title, detail } = body as Json;
  assert.equal(type, 'about:blank');
  assert.equal(typeof title, 'string');
  assert.equal(typeof detail, 'string');
  return body as Json;
}

describe('what the API refuses', () => {
  const cases: readonly (readonly [status: number, url: string, detail: RegExp])[] = [
    [400, '/events?limit=0', /query\/limit must be >= 1/],
    [400, '/events?limit=many', /query\/limit must be integer/],
    [400, '/events?limit=1&limit=2', /query\/limit must be integer/],
    [400, '/events?nonsense=1', /query\/nonsense must NOT have additional properties/],
    [400, '/zones/cluster.local/diff', /query\/from must have required property/],
    [400, '/zones/cluster.local/records?cursor=x', /query\/cursor must match pattern/],
    [400, '/zones/cluster.local/density?buckets=1001', /must be <= 1000/],
    [400, '/zones/cluster.local/density?from=-1h&to=-2h', /the end is before the beginning/],
    [400, '/zones/cluster.local/versions?from=yesterday', /no moment/],
    [400, '/events?cursor=x', /no cursor/],
    [400, `/names/${'a'.repeat(64)}.local/history`, /./],
    [400, `/names/${CART}/history?type=NONE`, /NONE/],
    [400, '/addresses/10.0.0.300', /no IP address/],
    [400, '/changes?after=x', /no cursor/],
    [400, '/%zz', /./],
    [404, '/zones/nowhere.example/versions', /never a zone/],
    [404, '/zones/cluster.local/records?at=7', /serial 7 was never published/],
    [404, '/names/www.example/history', /./],
    [404, '/nothing', /nothing at this path/],
    [404, '/events/', /nothing at this path/],
    [410, '/zones/cluster.local/records?at=2001-01-01T00:00:00Z', /before the log/],
    [422, '/zones/cluster.local/records?at=2101-01-01T00:00:00Z', /in the future/],
    [414, `/names/${'x'.repeat(5000)}/history`, /^a URL has 4096 characters at most$/],
    [414, `/search?q=${'x'.repeat(5000)}`, /4096 characters/],
  ];
  it('400, 404, 410, 414 and 422, each as a problem that says why', async (t) => {
    const app = await webApp(t);
    for (const [status, url, detail] of cases) {
      const answer = await app.http.inject({ url: `/api/v1${url}`, headers: { host: 'localhost' } });
      assert.equal(answer.statusCode, status, `${url}: ${answer.body}`);
      assert.match(String(answer.headers['content-type']), /^application\/problem\+json/, url);
      assert.match(String(problemOf(answer.json()).detail), detail, url);
    }
    assert.deepEqual(app.lines, []);
  });

  it('a plus that a URL has made a blank is a plus', async (t) => {
    const { get } = await webApp(t);
    const at = (text: string) => get(`/zones/cluster.local/records?at=${text}`);
    const offset = '2026-11-21T02:00:04+02:00';
    const [plain, encoded] = [await at(offset), await at(encodeURIComponent(offset))];
    assert.equal(plain.status, 200, JSON.stringify(plain.body));
    assert.deepEqual(plain.body, encoded.body);
    assert.notDeepEqual(plain.body, (await at('2026-11-21T02:00:04Z')).body);
  });

  it('413 for a body, 405 for any method that writes', async (t) => {
    const { http } = await webApp(t);
    const headers = { host: 'localhost' };
    const big = await http.inject({ method: 'POST', url: '/api/v1/events', headers, payload: 'x'.repeat(2000) });
    assert.equal(big.statusCode, 413);
    problemOf(big.json());
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
      const answer = await http.inject({ method, url: '/api/v1/events', headers });
      assert.equal(answer.statusCode, 405);
      assert.equal(answer.headers.allow, 'GET, HEAD');
    }
  });

  it('a bug gives 500 without its text, and a line in the log', async (t) => {
    const live = () => Promise.reject(new TypeError('secret inside'));
    const app = await webApp(t, { live });
    const { status, body } = await app.get('/overview');
    assert.equal(status, 500);
    assert.doesNotMatch(JSON.stringify(body), /secret/);
    assert.match(app.lines.join(''), /secret inside/);
  });
});

describe('who may ask', () => {
  it('401 without the token, or with another, however the path is spelled; the page itself needs none', async (t) => {
    const page = new Map([
      ['/', { type: 'text/html', body: Buffer.from('x'), gzipped: Buffer.from('y'), etag: '"e"' }],
    ]);
    const { http } = await webApp(t, { ...SECURED, page });
    for (const url of [
      '/api/v1/overview',
      '/%61pi/v1/overview',
      '/api/v1/openapi.json',
      '/api/v1/live',
      '/api/v1/zones/cluster.local/file',
    ]) {
      for (const authorization of [
        undefined,
        TOKEN,
        `Basic ${TOKEN}`,
        'Bearer',
        `Bearer ${TOKEN}x`,
        `Bearer ${TOKEN.slice(1)}`,
      ]) {
        const answer = await http.inject({ url, headers: authorization === undefined ? {} : { authorization } });
        assert.equal(answer.statusCode, 401, `${url} ${authorization}`);
        assert.match(String(answer.headers['www-authenticate']), /^Bearer/);
        problemOf(answer.json());
      }
    }
    const allowed = await http.inject({ url: '/api/v1/overview', headers: { authorization: `Bearer ${TOKEN}` } });
    assert.equal(allowed.statusCode, 200);
    assert.equal((await http.inject({ url: '/' })).statusCode, 200);
  });

  it('a token that has changed counts at once', async (t) => {
    let token = TOKEN;
    const app = await webApp(t, { access: { token: () => token, hasCertificates: false, host: '' } });
    token = 'another-token-of-today';
    assert.equal((await app.get('/events', { authorization: `Bearer ${TOKEN}` })).status, 401);
    assert.equal((await app.get('/events', { authorization: `Bearer ${token}` })).status, 200);
  });

  it('403 for pages of other sites: by what the browser says, and by a name that points here', async (t) => {
    const app = await webApp(t);
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { host: 'evil.example' },
      { host: 'evil.example:9154' },
      { host: '127.0.0.1.evil.example' },
    ]) {
      const answer = await app.get('/events', headers);
      assert.equal(answer.status, 403, JSON.stringify(headers));
      problemOf(answer.body);
    }
    for (const host of ['localhost', 'localhost:9154', '127.0.0.1:1', '[::1]:9154', 'LOCALHOST']) {
      assert.equal((await app.get('/events', { host })).status, 200, host);
    }
    assert.equal((await app.get('/events', { 'sec-fetch-site': 'same-origin' })).status, 200);
  });

  it('behind a token any name will do: no page of another site has it', async (t) => {
    const app = await webApp(t, SECURED);
    const answer = await app.get('/events', { host: 'history.example', authorization: `Bearer ${TOKEN}` });
    assert.equal(answer.status, 200);
  });

  it('every answer forbids what it does not need', async (t) => {
    const { http } = await webApp(t);
    for (const url of ['/api/v1/events', '/nothing']) {
      const { headers } = await http.inject({ url, headers: { host: 'localhost' } });
      assert.match(String(headers['content-security-policy']), /default-src 'none'/);
      assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|\*/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
  });
});

describe('pages', () => {
  async function walk(
    get: (url: string) => Promise<{ status: number; body: unknown }>,
    url: string,
  ): Promise<unknown[]> {
    const items: unknown[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 50; pages++) {
      const next = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await get(`${url}${next}`);
      assert.equal(status, 200, JSON.stringify(body));
      const page = body as { items: unknown[]; next?: string };
      assert.ok(page.items.length > 0);
      items.push(...page.items);
      if (page.next === undefined) return items;
      cursor = page.next;
    }
    throw new Error('it does not end');
  }

  it('of one, of two and of a thousand are the same', async (t) => {
    const app = await webApp(t);
    for (const url of [
      '/events?',
      '/events?isOldestFirst=true&',
      '/zones/cluster.local/versions?',
      '/zones/cluster.local/records?',
      '/zones/cluster.local/records?type=a&match=CART&',
      `/names/${CART}/history?`,
    ]) {
      const whole = await walk(app.get, `${url}limit=1000`);
      assert.ok(whole.length > 1, url);
      assert.deepEqual(await walk(app.get, `${url}limit=1`), whole);
      assert.deepEqual(await walk(app.get, `${url}limit=2`), whole);
    }
  });

  it('of a difference go through what was removed, then what was added', async (t) => {
    const app = await webApp(t);
    const url = '/zones/cluster.local/diff?from=1795219203';
    const { body } = await app.get(`${url}&limit=1000`);
    const whole = body as { removed: unknown[]; added: unknown[]; removedCount: number; addedCount: number };
    assert.deepEqual([whole.removed.length, whole.added.length], [2, 6]);
    assert.deepEqual([whole.removedCount, whole.addedCount], [2, 6]);
    const removed: unknown[] = [];
    const added: unknown[] = [];
    for (let cursor: string | undefined = '0'; cursor !== undefined; ) {
      const page = (await app.get(`${url}&limit=3&cursor=${cursor}`)).body as typeof whole & { next?: string };
      assert.ok(page.removed.length + page.added.length <= 3);
      removed.push(...page.removed);
      added.push(...page.added);
      cursor = page.next;
    }
    assert.deepEqual({ removed, added }, { removed: whole.removed, added: whole.added });
  });

  it('of records stay those of their serial while the zone goes on', async (t) => {
    const app = await webApp(t);
    const first = (await app.get('/zones/cluster.local/records?limit=2&at=1795219203')).body as { total: number };
    const again = (await app.get('/zones/cluster.local/records?limit=2&at=1795219203')).body;
    assert.deepEqual(again, first);
    const newest = (await app.get('/zones/cluster.local/records?limit=2')).body as { total: number };
    assert.ok(newest.total > first.total);
    app.recording.record([service(EAST, 'shop/late', ['10.0.0.9'])]);
    const after = (await app.get('/zones/cluster.local/records?limit=2')).body as { total: number };
    assert.ok(after.total > newest.total, 'what is kept is that version, not "now"');
    const before = (await app.get('/zones/cluster.local/records?limit=2&at=2026-11-21T00:00:03.500Z')).body;
    assert.equal((before as { total: number }).total, first.total);
  });
});

describe('zones', () => {
  it('are had as master files', async (t) => {
    const { http } = await webApp(t);
    const headers = { host: 'localhost' };
    const { statusCode, body, headers: sent } = await http.inject({ url: '/api/v1/zones/cluster.local/file', headers });
    assert.equal(statusCode, 200);
    assert.match(String(sent['content-type']), /^text\/dns/);
    const lines = body.trimEnd().split('\n');
    assert.match(lines[0] ?? '', /^cluster\.local\.\t5\tIN\tSOA\t/);
    assert.ok(lines.includes(`${CART}.\t5\tIN\tA\t10.0.0.2`));
    const records = await http.inject({ url: '/api/v1/zones/cluster.local/records', headers });
    assert.equal(lines.length, records.json().total);
    const lost = await http.inject({ url: '/api/v1/zones/nowhere/file', headers });
    assert.equal(lost.statusCode, 404);
  });

  it('tell how many versions each part of a time brought', async (t) => {
    const app = await webApp(t);
    const { body } = await app.get(
      '/zones/cluster.local/density?from=2026-11-21T00:00:00Z&to=2026-11-21T00:00:05.999Z&buckets=3',
    );
    assert.deepEqual(body, {
      zone: 'cluster.local.',
      from: '2026-11-21T00:00:00.000Z',
      to: '2026-11-21T00:00:05.999Z',
      bucketMs: 2000,
      versions: 4,
      counts: [1, 1, 2],
    });
  });
});

describe('the document', () => {
  it('is OpenAPI 3.1 and refers only to what it has', async (t) => {
    const app = await webApp(t, SECURED);
    const { body } = await app.get('/openapi.json', { authorization: `Bearer ${TOKEN}` });
    const judge = new Validator();
    const judged = await judge.validate(structuredClone(body) as Record<string, unknown>);
    assert.deepEqual(judged.errors ?? [], []);
    assert.equal(judge.version, '3.1');
    assert.ok(!(await judge.validate({ ...(body as object), paths: { nowhere: {} } })).valid, 'it judges');
    const document = body as { openapi: string; components: { schemas: Json }; paths: Json };
    assert.equal(document.openapi, '3.1.0');
    assert.ok(Object.keys(document.paths).length >= 13);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
    assert.ok(references.length > 20);
    for (const reference of references) {
      assert.match(reference, /^#\/components\/schemas\//);
      assert.ok((reference.split('/').at(-1) ?? '') in document.components.schemas, reference);
    }
  });

  it('describes what is sent: every answer is valid by its own schema', async (t) => {
    const live = async () => ({
      clusters: [{ cluster: 'east', isSynced: true, lost: ['Pod: refused'], silentSeconds: 2.5 }],
      secondaries: [
        {
          zone: 'cluster.local.',
          address: '192.0.2.1',
          served: 7,
          transferred: { serial: 7, time: '2026-11-21T00:00:00.000Z' },
        },
      ],
      incoming: [
        { zone: 'never.test.', primaries: ['192.0.2.9:53'], isExpired: false, failures: 3, trouble: 'no answer' },
        {
          zone: 'other.test.',
          primaries: ['192.0.2.9:53'],
          serial: 9,
          memberOf: 'catalog.test.',
          refreshed: '2026-11-21T00:00:00.000Z',
          nextRefresh: '2026-11-21T01:00:00.000Z',
          expires: '2026-11-22T00:00:00.000Z',
          isExpired: false,
          failures: 0,
          last: {
            primary: '192.0.2.9:53',
            kind: 'full' as const,
            serial: 9,
            records: 4,
            octets: 300,
            seconds: 0.02,
            time: '2026-11-21T00:00:00.000Z',
          },
        },
      ],
      lagSeconds: 0.01,
    });
    const app = await webApp(t, { live });
    const { body: document } = await app.get('/openapi.json');
    const { components, paths } = document as {
      components: { schemas: Record<string, Json> };
      paths: Record<string, { get: { responses: Record<string, { content: Record<string, { schema: Json }> }> } }>;
    };
    const judge = await judgeOf(components.schemas);
    const asked: readonly (readonly [path: string, url: string])[] = [
      ['/overview', '/overview'],
      ['/zones/{zone}/versions', '/zones/cluster.local/versions'],
      ['/zones/{zone}/density', '/zones/cluster.local/density'],
      ['/zones/{zone}/records', '/zones/cluster.local/records'],
      ['/zones/{zone}/diff', '/zones/cluster.local/diff?from=1795219203'],
      ['/names/{name}/history', `/names/${CART}/history`],
      ['/names/{name}/why', `/names/${CART}/why`],
      ['/names/{name}/why', '/names/none.shop.svc.cluster.local/why'],
      ['/addresses/{address}', '/addresses/10.1.0.1'],
      ['/search', '/search?q=cart'],
      ['/changes', '/changes?after=start'],
      ['/events', '/events'],
    ];
    for (const [path, url] of asked) {
      const { status, body } = await app.get(url);
      assert.equal(status, 200, url);
      const schema = paths[`/api/v1${path}`]?.get.responses[200]?.content['application/json']?.schema;
      assert.ok(schema, path);
      assert.equal(judge(schema, body), '', `${url}: ${JSON.stringify(body)}`);
    }
    const { incoming } = await live();
    const { body: overview } = await app.get('/overview');
    assert.deepEqual((overview as Json).incoming, incoming, 'all that is known is sent');
    const problem = await app.get('/zones/nowhere.example/versions');
    const problemSchema = components.schemas.Problem;
    assert.ok(problemSchema);
    assert.equal(judge(problemSchema, problem.body), '');
    assert.notEqual(judge(problemSchema, {}), '');
  });
});

/** Fastify's own validator, held against a schema of the document: what is wrong, or nothing. */
async function judgeOf(schemas: Record<string, Json>): Promise<(schema: Json, value: unknown) => string> {
  const judge = fastify({ ajv: { customOptions: { removeAdditional: false, coerceTypes: false } } });
  const local = (text: string) =>
    text.replaceAll('"#/components/schemas/', '"').replaceAll(/"\$ref":"([A-Za-z]+)"/g, '"$ref":"$1#"');
  for (const [$id, schema] of Object.entries(schemas))
    judge.addSchema({ ...JSON.parse(local(JSON.stringify(schema))), $id });
  judge.post('/', { schema: { body: { type: 'object' } } }, () => '');
  await judge.ready();
  return (schema, value) => {
    const validate = judge.validatorCompiler?.({
      schema: JSON.parse(local(JSON.stringify(schema))),
      method: 'POST',
      url: '/',
    });
    assert.ok(validate);
    return validate(value) === true ? '' : JSON.stringify(validate.errors);
  };
}
