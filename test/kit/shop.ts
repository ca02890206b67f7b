/** The log that the examples of docs/history.md are about: a shop on the night of 2026-11-21. */
import type { ClusterEvent } from '../../src/ingest/event.ts';
import {
  EAST,
  namespace,
  planApplied,
  remove,
  service,
  slice,
  stanza,
  synced,
  zoneDefinition,
} from './cluster-events.ts';
import { type Recording, recordTo } from './recorded.ts';

const at = (time: string) => Date.parse(`2026-11-21T${time}Z`);
const by = (manager: string, resourceVersion: string, event: ClusterEvent): ClusterEvent =>
  ({ ...event, cause: { manager, resourceVersion } }) as ClusterEvent;
const endpoints = (address: string, pod: string) => [{ addresses: [address], pod }];

/** The examples are read at this moment. */
export const SHOP_NOW = at('03:00:00');

export function recordShop(file: string): Recording {
  const shop = recordTo(file);
  const stanzas = [stanza(EAST, { plugin: 'kubernetes' })];
  shop.record(
    [planApplied(zoneDefinition('cluster.local.', stanzas), zoneDefinition('10.in-addr.arpa.', stanzas))],
    at('02:30:00'),
  );
  shop.record([namespace(EAST, 'shop'), ...synced(EAST)], at('02:30:01'));
  shop.record(
    [
      by('kubectl', '101', service(EAST, 'shop/cart', ['10.96.0.10'])),
      by('kube-controller-manager', '102', slice(EAST, 'shop/cart-x1', 'cart', endpoints('10.244.1.7', 'cart-7d4b'))),
    ],
    at('02:31:00'),
  );
  shop.record([by('helm', '140', service(EAST, 'shop/cart', ['10.96.0.11']))], at('02:41:07'));
  shop.record(
    [by('kube-controller-manager', '151', slice(EAST, 'shop/cart-x1', 'cart', endpoints('10.244.2.9', 'cart-9f2c')))],
    at('02:43:30'),
  );
  shop.record([by('kubectl', '163', remove(EAST, 'Service', 'shop/cart'))], at('02:50:00'));
  return shop;
}
