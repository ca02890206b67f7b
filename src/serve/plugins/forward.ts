/** `forward`: questions for other servers, by UDP, TCP, TLS or HTTPS. */
import type { ForwardOptions } from '../../corefile/config.ts';
import { type DomainName, isSubdomain } from '../../dns/name.ts';
import { Rcode } from '../../dns/rrset.ts';
import type { Handler, MaybePromise, Next, Outcome, Request } from '../chain.ts';
import type { Forwarder } from '../upstream/forwarder.ts';

export interface ForwardStanza {
  readonly options: ForwardOptions;
  readonly forwarder: Forwarder;
}

/** Makes the handler of all stanzas of a server block. */
export function createForward(stanzas: readonly ForwardStanza[], metrics: Handler['metrics'] & object): Handler {
  return {
    name: 'forward',
    isPure: true,
    handle: (request, next) => tryStanzas(stanzas, 0, request, next),
    metrics,
    close() {
      for (const { forwarder } of stanzas) forwarder.close();
    },
  };
}

/** The first stanza from the `from`th on that takes the name. */
function tryStanzas(
  stanzas: readonly ForwardStanza[],
  from: number,
  request: Request,
  next: Next,
): MaybePromise<Outcome> {
  for (let at = from; at < stanzas.length; at++) {
    const stanza = stanzas[at] as ForwardStanza;
    if (isFor(stanza.options, request.question.name)) return ask(stanzas, at, request, next);
  }
  return next(request);
}

/** Is the name to be forwarded? What `except` names is not, but for FROM itself. */
function isFor({ from, except }: ForwardOptions, name: DomainName): boolean {
  if (name === from) return true;
  return isSubdomain(name, from) && !except.some((zone) => isSubdomain(name, zone));
}

async function ask(stanzas: readonly ForwardStanza[], at: number, request: Request, next: Next): Promise<Outcome> {
  const { options, forwarder } = stanzas[at] as ForwardStanza;
  const reply = await forwarder.ask(request);
  if (at + 1 < stanzas.length) {
    const isNodata = reply.rcode === Rcode.NOERROR && reply.answer.length === 0;
    const isForNext = reply.failure === undefined && options.next.includes(reply.rcode);
    // Only to another `forward`: that is what `next` is for.
    if (isForNext || (options.nextOnNodata && isNodata)) return tryStanzas(stanzas, at + 1, request, next);
  }
  return reply;
}
