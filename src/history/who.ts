/** Who held an address. */
import { canonicalAddress } from '../dns/address.ts';
import { type ResourceRecord, recordsOf } from '../dns/rrset.ts';
import { ok } from '../errors.ts';
import type { World } from '../projection/state.ts';
import { placeOfReverse, zoneRRsets } from '../projection/zone.ts';
import type { AddressAnswer, AddressHolder, TextRecord } from './answers.ts';
import { lastEventOf } from './log-events.ts';
import { quote } from './moment.ts';
import { type Answered, problem } from './problem.ts';
import { type HistorySource, iso, type Place } from './source.ts';
import { textRecord } from './text.ts';
import { worldAt, zoneIn } from './worlds.ts';

export function who(source: HistorySource, text: string, at: string | undefined): Answered<AddressAnswer> {
  const address = canonicalAddress(text);
  if (address === undefined) return problem('badInput', `${quote(text)}: no IP address`);
  const place = source.place(at, source.zoneIds());
  if (!place.ok) return place;
  const world = worldAt(source, place.value.batch);
  return ok({
    address,
    at: { time: iso(place.value.asked), batch: place.value.batch },
    holders: [...holdersOf(source, world, address, place.value)],
    names: namesOf(source, world, address, place.value),
  });
}

type Holder = Omit<AddressHolder, 'since'>;

function* holdersOf(source: HistorySource, world: World, address: string, place: Place): Generator<AddressHolder> {
  for (const holder of holdersIn(world, address)) {
    const { cluster, kind, namespace, name } = holder;
    const since = lastEventOf(source, cluster, kind, `${namespace}/${name}`, place.batch);
    if (since !== undefined) yield { ...holder, since };
  }
}

function* holdersIn(world: World, address: string): Generator<Holder> {
  for (const { id: cluster, namespaces } of Object.values(world.clusters)) {
    for (const [namespace, state] of namespaces.entries()) {
      for (const [name, { service }] of state.services.entries()) {
        const holder = { cluster, kind: 'Service', namespace, name } as const;
        if (service?.clusterIPs.includes(address)) yield { ...holder, role: 'clusterIP' };
        else if (service?.external?.includes(address)) yield { ...holder, role: 'external' };
      }
      for (const [name, { imported }] of state.imports.entries()) {
        if (imported?.ips.includes(address))
          yield { cluster, kind: 'ServiceImport', namespace, name, role: 'clusterIP' };
      }
      for (const [name, { endpoints, service, imported }] of state.slices.entries()) {
        const endpoint = endpoints.find(({ addresses }) => addresses.includes(address));
        if (endpoint === undefined) continue;
        const [of, pod] = [service ?? imported?.service, endpoint.pod ?? endpoint.hostname];
        yield {
          cluster,
          kind: 'EndpointSlice',
          namespace,
          name,
          role: 'endpoint',
          ...(of !== undefined && { service: of }),
          ...(pod !== undefined && { pod }),
        };
      }
      for (const name of state.podsByAddress.get(address) ?? [])
        yield { cluster, kind: 'Pod', namespace, name, role: 'pod' };
    }
  }
}

function namesOf(
  source: HistorySource,
  world: World,
  address: string,
  place: Place,
): (TextRecord & { readonly zone: string })[] {
  return world.plan.zones.flatMap(({ id }) => {
    const zone = zoneIn(source, world, id, place.batch);
    if (zone === undefined) return [];
    const records = [...zoneRRsets(zone)].flatMap(recordsOf).filter((record) => isOfAddress(record, address));
    return records.map((record) => ({ ...textRecord(record), zone: id }));
  });
}

function isOfAddress({ owner, rdata }: ResourceRecord, address: string): boolean {
  if (rdata.type === 'A' || rdata.type === 'AAAA') return rdata.address === address;
  return rdata.type === 'PTR' && placeOfReverse(owner)?.address === address;
}
