import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/corefile/config.ts';
import { AROUND } from '../kit/corefile.ts';

function load(text: string) {
  const warnings: string[] = [];
  const config = loadConfig(text, { ...AROUND, warn: (warning) => warnings.push(warning) });
  return { config, warnings };
}

function options(line: string) {
  const { config, warnings } = load(`. {\n${line}\n}\n`);
  assert.ok(config.ok, config.ok ? '' : config.error.message);
  return { ...config.value.serverBlocks[0]?.options.history, warnings };
}

function fault(text: string): string {
  const { config } = load(text);
  assert.ok(!config.ok);
  return config.error.message;
}

const FILES = { cert: 'c.pem', key: 'k.pem' };

test('history: off unless it is there, on loopback unless told', () => {
  const { config } = load('. {\nwhoami\n}\n');
  assert.ok(config.ok);
  assert.equal(config.value.serverBlocks[0]?.options.history, undefined);
  assert.deepEqual(options('history'), {
    address: 'localhost:9154',
    token: undefined,
    tls: undefined,
    warnings: [],
  });
});

test('history: loopback addresses need nothing', () => {
  for (const address of ['localhost:1', '127.0.0.1:9154', '127.8.9.10:0', '[::1]:9154']) {
    assert.equal(options(`history ${address}`).address, address);
  }
});

test('history: other addresses need a token or certificates of clients, and the place is named', () => {
  const refused = /^plugin\/history: Corefile:2 - Error during parsing: '.*' is no loopback address: /;
  for (const address of [
    ':9154',
    '0.0.0.0:9154',
    '10.0.0.1:9154',
    '[::]:9154',
    '[::ffff:127.0.0.1]:1',
    'ns1.example:9154',
  ]) {
    assert.match(fault(`. {\nhistory ${address}\n}\n`), refused, address);
    assert.match(fault(`. {\nhistory ${address} {\n tls c.pem k.pem\n}\n}\n`), refused, address);
    assert.deepEqual(options(`history ${address} {\n token t\n tls c.pem k.pem\n}`), {
      address,
      token: 't',
      tls: { ...FILES, ca: undefined },
      warnings: [],
    });
    assert.deepEqual(options(`history ${address} {\n tls c.pem k.pem ca.pem\n}`).tls, { ...FILES, ca: 'ca.pem' });
  }
});

test('history: a token that goes unencrypted is taken with a warning', () => {
  assert.match(options('history :9154 {\n token t\n}').warnings[0] ?? '', /unencrypted/);
  assert.deepEqual(options('history localhost:9154 {\n token t\n}').warnings, []);
});

test('history: once in a Corefile', () => {
  assert.match(fault('. {\nhistory\nhistory\n}\n'), /can only be used once/);
  assert.equal(
    fault('a. {\nhistory\n}\nb. {\nhistory\n}\n'),
    'plugin/history: Corefile:5 - Error during parsing: this plugin can only be used once',
  );
});

test('history: what it does not know', () => {
  const place = /^plugin\/history: Corefile:\d+ - Error during parsing: /;
  for (const text of [
    'history a:1 b:2',
    'history 9154',
    'history [::1:9154',
    'history {\n token\n}',
    'history {\n token a b\n}',
    'history {\n token a\n token b\n}',
    'history {\n tls c.pem\n}',
    'history {\n tls a b c d\n}',
    'history {\n nonsense\n}',
  ]) {
    assert.match(fault(`. {\n${text}\n}\n`), place, text);
  }
});
