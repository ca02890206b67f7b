import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { OperatorError } from '../../src/errors.ts';
import { createLogger } from '../../src/logger.ts';
import { CertificateKeeper, loadCertificate } from '../../src/serve/secure/certificate.ts';
import { freshnessOf, readDohRequest } from '../../src/serve/secure/doh-request.ts';
import { CERTIFICATE, KEY, SECOND_CERTIFICATE, SECOND_KEY } from '../kit/certificates.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { addressReply } from '../kit/upstream.ts';

const OPTIONS = { cert: 'cert.pem', key: 'key.pem', ca: undefined, clientAuth: 'nocert', keylog: undefined } as const;

function folderOf(t: TestContext): (name: string, text: string) => void {
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-cert-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
  write('cert.pem', CERTIFICATE);
  write('key.pem', KEY);
  return Object.assign(write, { folder });
}

test('a certificate and a key that don’t fit together are refused', (t) => {
  const write = folderOf(t) as ReturnType<typeof folderOf> & { folder: string };
  assert.equal(loadCertificate(OPTIONS, write.folder).texts[0]?.text, CERTIFICATE);
  write('key.pem', SECOND_KEY);
  assert.throws(() => loadCertificate(OPTIONS, write.folder), OperatorError);
  write('key.pem', 'no key');
  assert.throws(() => loadCertificate(OPTIONS, write.folder), OperatorError);
});

test('changed files are taken up without a reload, once certificate and key fit together', async (t) => {
  const write = folderOf(t) as ReturnType<typeof folderOf> & { folder: string };
  const clock = new FakeClock();
  const server = createServer();
  const taken: unknown[] = [];
  let onEvent: () => void = () => {};
  server.setSecureContext = ({ cert }) => {
    taken.push(cert);
    onEvent();
  };
  const lines: string[] = [];
  const logger = createLogger((line) => {
    lines.push(line);
    onEvent();
  });
  const event = () =>
    new Promise<void>((resolve) => {
      onEvent = resolve;
    });
  const keeper = new CertificateKeeper(server, loadCertificate(OPTIONS, write.folder), clock.timer, logger);
  t.after(() => keeper.close());

  let next = event();
  write('cert.pem', SECOND_CERTIFICATE);
  clock.advance(10_000);
  await next;
  assert.match(lines[0] ?? '', /^\[WARNING\] cert\.pem is not taken up: /);
  assert.deepEqual(taken, []);

  // Both files are looked at again once their last look is done.
  while (clock.pending < 2) await new Promise((resolve) => setImmediate(resolve));
  next = event();
  write('key.pem', SECOND_KEY);
  clock.advance(10_000);
  await next;
  assert.deepEqual(taken, [SECOND_CERTIFICATE]);
  assert.match(lines.at(-1) ?? '', /cert\.pem/);
});

test('the question of an HTTP request is in its URL or its body', () => {
  const media = 'application/dns-message';
  assert.deepEqual(readDohRequest('POST', '/dns-query', media), { hasBody: true });
  assert.deepEqual(readDohRequest('POST', '/dns-query?x=1', `${media}; charset=x`), { hasBody: true });
  assert.deepEqual(readDohRequest('GET', '/dns-query?dns=AAEC', undefined), { packet: Buffer.from([0, 1, 2]) });
  const statusOf = (...args: Parameters<typeof readDohRequest>) => {
    const read = readDohRequest(...args);
    return 'status' in read ? read.status : 200;
  };
  assert.equal(statusOf('GET', '/dns-query', undefined), 400);
  assert.equal(statusOf('GET', '/dns-query?dns=%%', undefined), 400);
  assert.equal(statusOf('GET', `/dns-query?dns=${'A'.repeat(100_000)}`, undefined), 413);
  assert.equal(statusOf('POST', '//', media), 404);
  assert.equal(statusOf('POST', '/dns-query/x', media), 404);
  assert.equal(statusOf('POST', '/dns-query', undefined), 415);
  assert.equal(statusOf('DELETE', '/dns-query', media), 405);
});

test('an answer is fresh for its smallest TTL, and not at all without records', () => {
  const query = { id: 1, questions: [{ name: 'www.test', type: 'A', class: 'IN' }] };
  const reply = addressReply({ query: query as never }, '192.0.2.1', 77);
  assert.equal(freshnessOf(reply), 77);
  assert.equal(freshnessOf(reply.subarray(0, 12)), 0);
});
