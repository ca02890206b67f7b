/**
 * `cookie`: gives clients that ask for one a cookie, and knows it again (RFC 7873, RFC 9018). Without this plugin the option
 * is echoed as it came, as CoreDNS does it.
 */
import { unmapAddress } from '../../dns/address.ts';
import { COOKIE_OPTION, type CookieCheck, checkCookie, makeCookie } from '../../dns/cookie.ts';
import type { EdnsOption } from '../../dns/encode.ts';
import { Rcode } from '../../dns/rrset.ts';
import { createCounters } from '../../metrics.ts';
import { emptyReply, type Handler, mapOutcome, type Outcome } from '../chain.ts';
import { octetsOf } from '../networks.ts';
import { echoedOptions } from '../reply-encoding.ts';

export interface CookieSettings {
  /** The secrets of this moment (Unix seconds): the first one makes cookies, all are accepted. */
  secretsAt(now: number): readonly Uint8Array[];
  /** A client that knows cookies gets an answer by UDP only for a good one. */
  readonly isRequired: boolean;
  /** Unix seconds. */
  readonly clock: () => number;
  readonly close?: () => void;
}

export function createCookie({ secretsAt, isRequired, clock, close }: CookieSettings): Handler {
  const requests = createCounters(
    'zonelog_cookie_requests_total',
    'Requests with a DNS cookie, by what it was worth.',
    ['result'],
  );
  return {
    name: 'cookie',
    // A request with an option is like no other, and none without is touched.
    isPure: true,
    metrics: () => [requests.family()],
    ...(close && { close }),
    handle(request, next) {
      const { edns } = request;
      const option = edns?.options.find(({ code }) => code === COOKIE_OPTION);
      const address = octetsOf(unmapAddress(request.remote.address.split('%', 1)[0] as string));
      // A question of the server to itself was looked at when it came from outside.
      if (edns === undefined || option === undefined || address === undefined || request.depth !== undefined)
        return next(request);
      const now = clock();
      const secrets = secretsAt(now);
      const check = checkCookie(option.data, address, secrets, now);
      requests.add([check]);
      if (check === 'malformed') return { ...emptyReply(Rcode.FORMERR), ednsOptions: [] };
      const secret = secrets[0] as Uint8Array;
      const data = check === 'good' ? option.data : makeCookie(option.data, address, secret, now);
      const cookie: EdnsOption = { code: COOKIE_OPTION, data };
      // It goes from hop to hop: whoever is asked for us has cookies of his own.
      const options = edns.options.filter(({ code }) => code !== COOKIE_OPTION);
      const asked = { ...request, edns: { ...edns, options }, hasGoodCookie: isGood(check) };
      if (isRequired && !isGood(check) && request.transport === 'udp')
        return { ...emptyReply(Rcode.BADCOOKIE), ednsOptions: [cookie] };
      return mapOutcome(next(asked), (done): Outcome => {
        if (done.kind !== 'reply') return done;
        const others = done.ednsOptions ?? echoedOptions(asked);
        return { ...done, ednsOptions: [...others.filter(({ code }) => code !== COOKIE_OPTION), cookie] };
      });
    },
  };
}

function isGood(check: CookieCheck): boolean {
  return check === 'good' || check === 'old';
}
