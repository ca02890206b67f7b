import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { afterEach, test } from 'node:test';
import { createLogger } from '../../src/logger.ts';
import { createCounters } from '../../src/metrics.ts';
import { createHttp, type HttpServers, type Readiness } from '../../src/serve/http.ts';
import { readWebConfig } from '../../src/serve/secure/web-config.ts';
import { CA, CERTIFICATE, KEY } from '../kit/certificates.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const running: HttpServers[] = [];
afterEach(async () => {
  for (const http of running.splice(0)) await http.stop();
});

function make() {
  const state: { readiness: Readiness } = { readiness: { unready: [], details: [] } };
  const counters = createCounters('zonelog_test_total', 'A count.');
  counters.add([], 7);
  const http = createHttp({
    readiness: () => state.readiness,
    metrics: async () => [counters.family()],
    now: () => performance.now() / 1000,
    logger: createLogger(() => {}),
  });
  running.push(http);
  const get = async (address: string, path: string) => {
    const response = await fetch(`http://127.0.0.1:${http.portOf(address)}${path}`);
    return { status: response.status, body: await response.text(), type: response.headers.get('content-type') };
  };
  return { state, http, get };
}

const A = '127.0.0.1:0';
const B = 'localhost:0';

test('health is OK, unknown paths and those of other directives are not found', async () => {
  const { http, get } = make();
  assert.ok((await http.configure([{ kind: 'health', address: A }])).ok);
  const health = await get(A, '/health');
  assert.deepEqual([health.status, health.body], [200, 'OK']);
  for (const path of ['/', '/ready', '/metrics', '/healthz']) {
    const { status, body } = await get(A, path);
    assert.deepEqual([status, body], [404, '404 page not found\n'], path);
  }
});

test('ready names who is not, and says more to those who want it', async () => {
  const { state, http, get } = make();
  await http.configure([{ kind: 'ready', address: A }]);
  state.readiness = { unready: ['kubernetes', 'multicluster'], details: ['cluster a: never listed'] };
  const waiting = await get(A, '/ready');
  assert.deepEqual([waiting.status, waiting.body], [503, 'kubernetes,multicluster']);
  assert.equal((await get(A, '/ready?verbose')).body, 'kubernetes,multicluster\ncluster a: never listed\n');
  state.readiness = { unready: [], details: ['cluster a: 3 s old'] };
  const ready = await get(A, '/ready');
  assert.deepEqual([ready.status, ready.body], [200, 'OK\ncluster a: 3 s old\n'], 'what is wrong is said unasked');
  state.readiness = { unready: [], details: [] };
  assert.equal((await get(A, '/ready')).body, 'OK');
});

test('metrics come in the text format', async () => {
  const { http, get } = make();
  await http.configure([{ kind: 'metrics', address: B }]);
  const { status, body, type } = await get(B, '/metrics');
  assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  assert.match(body, /^# HELP zonelog_test_total A count\.\n# TYPE zonelog_test_total counter\nzonelog_test_total 7$/m);
});

test('a server stays through a reload, gets new paths, and goes when nobody wants it', async () => {
  const { http, get } = make();
  await http.configure([{ kind: 'health', address: A }]);
  const port = http.portOf(A);
  await http.configure([
    { kind: 'ready', address: A },
    { kind: 'metrics', address: B },
  ]);
  assert.equal(http.portOf(A), port);
  assert.deepEqual([(await get(A, '/health')).status, (await get(A, '/ready')).status], [404, 200]);
  await http.configure([]);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/ready`));
});

test('a port that is taken is said in one line, and nothing changes', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address && typeof address === 'object');
  const { http, get } = make();
  await http.configure([{ kind: 'health', address: A }]);
  const wrong = `127.0.0.1:${address.port}`;
  assert.deepEqual(
    await http.configure([
      { kind: 'ready', address: B },
      { kind: 'ready', address: wrong },
    ]),
    {
      ok: false,
      error: `listen tcp ${wrong}: bind: address already in use`,
    },
  );
  assert.equal((await get(A, '/health')).status, 200);
  assert.equal(http.portOf(B), undefined);
  taken.close();
});

test('before the lameduck time ready is closed, health is not', async () => {
  const { http, get } = make();
  await http.configure([
    { kind: 'health', address: A },
    { kind: 'ready', address: A },
    { kind: 'ready', address: B },
  ]);
  const port = http.portOf(B);
  await http.closeReady();
  assert.deepEqual([(await get(A, '/health')).status, (await get(A, '/ready')).status], [200, 404]);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/ready`));
});

test('the server asks itself, and counts what it hears', async () => {
  const { http } = make();
  await http.configure([
    { kind: 'health', address: A },
    { kind: 'metrics', address: B },
  ]);
  await http.probe();
  await http.probe();
  const [durations, failures] = http.snapshot();
  const value = durations?.samples[0]?.value;
  assert.ok(typeof value === 'object' && value.sum > 0);
  assert.equal(
    value.counts.reduce((a, b) => a + b),
    2,
  );
  assert.equal(failures?.samples[0]?.value, 0);
});

test('metrics over TLS, with the web configuration of Prometheus: plain questions and clients without a certificate get none', async (t) => {
  const folder = temporaryFolder(t);
  folder.write('cert.pem', CERTIFICATE);
  folder.write('key.pem', KEY);
  folder.write('ca.pem', CA);
  const config = (more = '') =>
    folder.write('web.yml', `tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n${more}`);
  const { http } = make();
  const wanted = () => {
    const secure = readWebConfig(config());
    assert.ok(secure);
    return secure;
  };
  assert.deepEqual(await http.configure([{ kind: 'metrics', address: A, secure: wanted() }]), {
    ok: true,
    value: true,
  });
  const port = http.portOf(A) ?? assert.fail();
  const body = await secureGet(port, '/metrics');
  assert.match(body, /^zonelog_test_total 7$/m);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/metrics`), 'HTTP where HTTPS is');

  const mixed = await http.configure([
    { kind: 'metrics', address: A, secure: wanted() },
    { kind: 'health', address: A },
  ]);
  assert.ok(!mixed.ok && /both with TLS and without/.test(mixed.error));
  assert.match(await secureGet(port, '/metrics'), /zonelog_test_total 7/, 'all is as before');

  const strict = readWebConfig(config('  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n'));
  assert.ok(strict && (await http.configure([{ kind: 'metrics', address: A, secure: strict }])).ok);
  await assert.rejects(secureGet(http.portOf(A) ?? assert.fail(), '/metrics'), 'no certificate');
});

function secureGet(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get({
      host: '127.0.0.1',
      port,
      path,
      ca: CA,
      checkServerIdentity: () => undefined,
      agent: false,
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      response.on('error', reject);
      response
        .setEncoding('utf8')
        .toArray()
        .then((parts) => resolve(parts.join('')), reject);
    });
  });
}

test('the web configuration: what it names is read or refused, and no certificate is plain HTTP', (t) => {
  const folder = temporaryFolder(t);
  folder.write('cert.pem', CERTIFICATE);
  folder.write('key.pem', KEY);
  const read = (text: string) => readWebConfig(folder.write('web.yml', text));
  const pair = 'tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n';
  assert.equal(read(pair)?.certificate.options.clientAuth, 'nocert');
  assert.equal(read(`${pair}  client_auth_type: RequireAnyClientCert\n`)?.certificate.options.clientAuth, 'require');
  assert.deepEqual([read(`${pair}  min_version: TLS13\n`)?.isOnlyTls13, read(pair)?.isOnlyTls13], [true, false]);
  assert.equal(read('http_server_config:\n  http2: false\n'), undefined);
  for (const [text, why] of [
    ['tls_server_config:\n  cert_file: cert.pem\n', /missing one of key or key_file/],
    ['tls_server_config:\n  key_file: key.pem\n', /missing one of cert or cert_file/],
    [`${pair}  client_auth_type: Whatever\n`, /invalid ClientAuth: Whatever/],
    [`${pair}  client_ca_file: cert.pem\n`, /without a Client Auth Policy/],
    [`${pair}  cipher_suites: [A]\n`, /'cipher_suites' is not supported by zonelog/],
    [`${pair}basic_auth_users:\n  a: b\n`, /'basic_auth_users' is not supported by zonelog/],
    [`${pair}  max_version: TLS12\n`, /max_version TLS12 is not supported/],
    ['tls_server_config: [', /plugin\/prometheus: .*web\.yml: /],
    ['tls_server_config:\n  cert_file: no.pem\n  key_file: key.pem\n', /no such file/],
  ] as const)
    assert.throws(() => read(text), why);
  assert.throws(() => readWebConfig('/nowhere/web.yml'), /plugin\/prometheus: open \/nowhere\/web\.yml: no such file/);
});
