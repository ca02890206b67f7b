/** Who may ask: bearer tokens (RFC 6750), and for listeners that ask for none, no pages of other sites. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { Problem } from './problem.ts';

/** The headers that decide. */
export interface AccessHeaders {
  readonly authorization?: string | undefined;
  readonly host?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
}

export interface AccessRules {
  /** The token that requests must carry; undefined: none. Asked each time, as its file may change. */
  readonly token: (() => string) | undefined;
  /** Does a client show a certificate, or come over loopback with the token? Else `Host` must name this machine. */
  readonly hasCertificates: boolean;
  /** The host of the Corefile's address. */
  readonly host: string;
}

/** Of a request for anything but the files of the page. @returns why it is refused */
export function checkAccess(headers: AccessHeaders, rules: AccessRules): Problem | undefined {
  const foreign = checkOrigin(headers, rules);
  if (foreign !== undefined || rules.token === undefined) return foreign;
  const [, given] = /^Bearer +([\w.~+/-]+=*) *$/i.exec(headers.authorization ?? '') ?? [];
  if (given === undefined) return { status: 401, detail: 'a bearer token is needed' };
  return isSame(given, rules.token()) ? undefined : { status: 401, detail: 'this is not the token' };
}

/**
 * A page of another site must not have the browser of somebody on this machine ask for it: neither directly, nor under a
 * name of its own that it lets point to this machine (DNS rebinding).
 */
export function checkOrigin(headers: AccessHeaders, rules: AccessRules): Problem | undefined {
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') {
    return { status: 403, detail: 'pages of other sites may not ask' };
  }
  if (rules.token !== undefined || rules.hasCertificates) return undefined;
  const host = hostOf(headers.host ?? '');
  if (host === 'localhost' || host === rules.host || isIP(host) !== 0) return undefined;
  return { status: 403, detail: 'the Host header names another machine: ask for localhost or for the address' };
}

/** Takes as long whatever the two have in common. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** Without the port, and without the brackets of IPv6. */
function hostOf(header: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(header)?.[1];
  return (bracketed ?? header.replace(/:\d+$/, '')).toLowerCase();
}
