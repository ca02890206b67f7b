/**
 * How events about zones of other servers are laid out in a row of the log. `object` 'Zone': `key` is the zone, `cluster` the
 * primary, if it was one's doing. 'Member': `key` is the member zone, `cluster` its catalog.
 */
import type { DomainName } from '../dns/name.ts';
import { toSerial } from '../dns/serial.ts';
import { fail, ok, type Result } from '../errors.ts';
import type { TransferEvent } from './event.ts';

/** The columns that identify what an event is about, and what is in its body. */
export interface PlainTransferEvent {
  readonly cluster: string;
  readonly object: 'Zone' | 'Member';
  readonly key: string;
  readonly content: unknown;
}

export function isTransferObject(object: string): boolean {
  return object === 'Zone' || object === 'Member';
}

export function plainTransferEvent(event: TransferEvent): PlainTransferEvent {
  switch (event.kind) {
    case 'ZoneTransferred': {
      const { serial, removed, added } = event;
      return { cluster: event.primary, object: 'Zone', key: event.zone, content: { serial, removed, added } };
    }
    case 'ZoneExpired':
      return { cluster: '', object: 'Zone', key: event.zone, content: undefined };
    case 'ZoneRefreshed':
      return { cluster: event.primary, object: 'Zone', key: event.zone, content: undefined };
    case 'MemberZoneAdded':
    case 'MemberZoneMoved': {
      const { catalog, apex, label, group } = event;
      const content = group === undefined ? { label } : { label, group };
      return { cluster: catalog, object: 'Member', key: apex, content };
    }
    case 'MemberZoneRemoved':
      return { cluster: event.catalog, object: 'Member', key: event.apex, content: undefined };
  }
}

/** @returns the reason where the row can't be such an event's */
export function transferEventOf(
  {
    object,
    kind,
    cluster,
    key,
  }: { readonly object: string; readonly kind: string; readonly cluster: string; readonly key: string },
  content: unknown,
): Result<TransferEvent, string> {
  const fields = typeof content === 'object' && content !== null ? (content as Readonly<Record<string, unknown>>) : {};
  switch (`${object} ${kind}`) {
    case 'Zone ZoneTransferred': {
      const { serial, removed, added } = fields;
      if (typeof serial !== 'number' || typeof removed !== 'string' || typeof added !== 'string') break;
      return ok({ kind: 'ZoneTransferred', zone: key, primary: cluster, serial: toSerial(serial), removed, added });
    }
    case 'Zone ZoneExpired':
      return ok({ kind: 'ZoneExpired', zone: key });
    case 'Zone ZoneRefreshed':
      return ok({ kind: 'ZoneRefreshed', zone: key, primary: cluster });
    case 'Member MemberZoneAdded':
    case 'Member MemberZoneMoved': {
      const { label, group } = fields;
      if (typeof label !== 'string' || (group !== undefined && typeof group !== 'string')) break;
      const member = { catalog: cluster, apex: key as DomainName, label, ...(group !== undefined && { group }) };
      return ok({ kind: kind === 'MemberZoneAdded' ? kind : 'MemberZoneMoved', ...member });
    }
    case 'Member MemberZoneRemoved':
      return ok({ kind: 'MemberZoneRemoved', catalog: cluster, apex: key as DomainName });
  }
  return fail(`no such event: ${kind} of ${object} ${key}`);
}
