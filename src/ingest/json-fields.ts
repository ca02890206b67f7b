/** Fields of objects that come as anybody's JSON: what is of the wrong type counts as absent. */
import { canonicalAddress } from '../dns/address.ts';

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** A list is longer than any sensible object's. */
export class TooMany extends Error {}

/** Items of one list inside an object. The API's own limits are 1000 endpoints, 100 addresses and 100 ports. */
export const MAX_ENDPOINTS = 10_000;
export const MAX_ITEMS = 1_000;

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const SUBDOMAIN = /^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_])?$/;

export function labelOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= 63 ? matched(value, LABEL) : undefined;
}

export function subdomainOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= 253 ? matched(value, SUBDOMAIN) : undefined;
}

function matched(value: string, form: RegExp): string | undefined {
  const lower = value.toLowerCase();
  return form.test(lower) ? lower : undefined;
}

/** A host name, or an address: as long as it may be a name at all, whoever makes records of it looks closer. */
export function hostOf(value: unknown): string | undefined {
  return spelledHostOf(value)?.toLowerCase();
}

/** A host name with its letter case, which an ExternalName's CNAME record keeps. */
export function spelledHostOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 255 ? value.toWellFormed() : undefined;
}

export function addressOf(value: unknown): string | undefined {
  return typeof value === 'string' ? canonicalAddress(value) : undefined;
}

/** @throws TooMany */
export function list(value: unknown, limit = MAX_ITEMS): readonly unknown[] {
  if (!Array.isArray(value)) return [];
  if (value.length > limit) throw new TooMany();
  return value;
}

/**
 * What `read` makes of each entry, without those of which it makes nothing. The array has no spare room: a grown one has
 * some for sixteen more, and facts are kept by the hundred thousand.
 */
export function readEach<T>(entries: readonly unknown[], read: (entry: unknown) => T | undefined): T[] {
  const made: T[] = [];
  for (const entry of entries) {
    const value = read(entry);
    if (value !== undefined) made.push(value);
  }
  return made.slice();
}

export function member(object: Json, name: string): Json {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return isJson(value) ? value : NOTHING;
}

const NOTHING: Json = {};

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
