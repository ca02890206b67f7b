/** A tree of addresses that is built at once is the tree that its holders, added one after the other, would give. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressLoader } from '../../src/projection/address-loader.ts';
import { type AddressNode, addHolder, EMPTY_ADDRESS_NODE, soleHolder } from '../../src/projection/address-tree.ts';

const address = fc.constantFrom(
  '10.0.0.1',
  '10.0.0.2',
  '10.0.1.1',
  '10.1.0.1',
  'fd00::1',
  'fd00::2',
  'fd00:1::1',
  '::1',
);
const held = fc.uniqueArray(
  fc.record({
    role: fc.constantFrom('services', 'endpoints', 'imports'),
    key: fc.constantFrom('apps/a', 'apps/b', 'shop/a'),
    addresses: fc.array(address),
  }),
  { selector: ({ role, key }) => `${role} ${key}` },
);

/** As plain data, in an order that is the same for equal trees. */
function plain({ children, holders }: AddressNode): unknown {
  return { holders, children: children.sorted().map(({ key, value }) => [key, plain(value)]) };
}

test('addresses that are loaded at once have the holders that adding them one by one gives', () => {
  fc.assert(
    fc.property(held, (all) => {
      const loader = new AddressLoader();
      let tree = EMPTY_ADDRESS_NODE;
      for (const { role, key, addresses } of all) {
        loader.add(addresses, role, key);
        for (const one of addresses) tree = addHolder(tree, one, role, key, soleHolder(role, key));
      }
      assert.deepEqual(plain(loader.finish()), plain(tree));
    }),
    { numRuns: 300 },
  );
});
