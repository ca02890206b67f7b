/** Names below a service of a clusterset zone, which the two plugins tell apart in their own ways. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configOf } from '../kit/corefile.ts';
import { runBlocks } from '../kit/corefile-blocks.ts';
import { exportedSlice, importObject, namespaceObject } from '../kit/mcs-objects.ts';

const CS = 'clusterset.local.';
const SQL = ['sql/tcp/5432'];
const OBJECTS = [
  namespaceObject('apps'),
  importObject('apps/db', { ports: SQL }),
  exportedSlice('apps/db-1', { of: 'db', from: 'east', endpoints: ['10.1.1.1 db-0'], ports: SQL }),
];

/** @param wanted the answer for A, by what is left of the service's name */
async function check(stanza: string, wanted: Readonly<Record<string, string>>): Promise<void> {
  const config = configOf(`. {\n ${stanza}\n }`, { warn: (warning) => assert.fail(warning) });
  const blocks = runBlocks(config, [{ objects: OBJECTS }]);
  for (const [labels, expected] of Object.entries(wanted))
    assert.equal(await blocks.data(`${labels}.db.apps.svc.${CS}`, 'A'), expected, labels);
}

describe('two labels below the service of a clusterset zone', () => {
  it('are for `multicluster` a port and its protocol if the second has an underscore, else an endpoint and its cluster', () =>
    check(`multicluster ${CS}`, {
      '_sql._tcp': '10.1.1.1',
      'sql._tcp': '10.1.1.1',
      '_._tcp': '10.1.1.1',
      '_sql.tcp': 'NXDOMAIN',
      '_.tcp': 'NXDOMAIN',
      tcp: 'NXDOMAIN',
      _: 'NODATA',
      'db-0.east': '10.1.1.1',
      '_db-0.east': '10.1.1.1',
      '_db-0.west': 'NXDOMAIN',
      '_.east': 'NXDOMAIN',
      'db-0._east': 'NXDOMAIN',
    }));

  it('are for `kubernetes` a port if either has an underscore', () =>
    check(`kubernetes ${CS} {\n multicluster ${CS}\n }`, {
      '_sql.tcp': '10.1.1.1',
      '_.tcp': '10.1.1.1',
      '_db-0.east': 'NXDOMAIN',
      'db-0.east': '10.1.1.1',
    }));
});
