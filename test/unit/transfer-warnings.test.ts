/** What is said of a Corefile whose transfers can never come to pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transferWarnings } from '../../src/compose/transfer-warnings.ts';
import { configOf } from '../kit/corefile.ts';

function warnings(transfer: string, { key = 'a.test', tls = '' } = {}) {
  const text = `${key} {
    ${tls}
    kubernetes a.test {
        endpoint http://127.0.0.1:1
    }
    transfer ${transfer}
}`;
  return transferWarnings(configOf(text)).map((line) => line.replace(/^plugin\/transfer: \S+:1 - /, ''));
}

const TLS = (more = '') => `tls cert.pem key.pem ca.pem {\n ${more}\n}`;

test('over plain TCP nobody shows a certificate, nor gets what is for TLS alone', () => {
  const plain = warnings('{\n to * cert ns1.example.org\n tls required\n}');
  assert.match(plain[0] ?? '', /^'tls required', but .* no tls:\/\/ key/);
  assert.match(plain[1] ?? '', /^'cert', but .* no tls:\/\/ key/);
  assert.equal(plain.length, 2);
});

test('a certificate that is not asked for is not shown', () => {
  const secure = { key: 'tls://a.test' };
  const stanza = '{\n to * cert ns1.example.org\n tls required\n}';
  assert.deepEqual(warnings(stanza, { ...secure, tls: TLS() }), [
    "'cert', but tls has no client_auth: no certificate is asked for",
  ]);
  assert.deepEqual(warnings(stanza, { ...secure, tls: TLS('client_auth verify_if_given') }), []);
});

test('a zone of transfer that no zone of the block has to do with is told of', () => {
  assert.deepEqual(warnings('b.test {\n to *\n}'), ["zone 'b.test.' is in no zone of the server block"]);
  for (const zones of ['', 'a.test', 'test', 'sub.a.test'])
    assert.deepEqual(warnings(`${zones} {\n to *\n}`), [], zones);
});
