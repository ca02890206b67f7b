/** What `bind` comes to on a machine with these interfaces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Interfaces, listenAddresses } from '../../src/compose/addresses.ts';
import { OperatorError } from '../../src/errors.ts';
import { configOf } from '../kit/corefile.ts';

const info = (address: string) => ({ address }) as NonNullable<Interfaces[string]>[number];
const INTERFACES: Interfaces = { lo: [info('127.0.0.1'), info('::1')], eth0: [info('192.0.2.1')] };

function listen(bind: string): string[] {
  const [block] = configOf(`. {\n${bind}\n}`).serverBlocks;
  assert.ok(block);
  return listenAddresses(block, INTERFACES);
}

test('addresses and interfaces, without what is excepted', () => {
  assert.deepEqual(listen('whoami'), []);
  assert.deepEqual(listen('bind lo 192.0.2.53 {\n except ::1\n}'), ['127.0.0.1', '192.0.2.53']);
  assert.deepEqual(listen('bind lo eth0 {\n except lo\n}'), ['192.0.2.1']);
});

test('where `except` leaves no address the server does not listen on all of them', () => {
  assert.throws(() => listen('bind 127.0.0.1 {\n except 127.0.0.1\n}'), OperatorError);
  assert.throws(() => listen('bind lo {\n except lo\n}'), OperatorError);
});

test('a word that is neither an address nor an interface is refused', () => {
  assert.throws(() => listen('bind eth7'), OperatorError);
});
