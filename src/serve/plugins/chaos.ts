/** `chaos`: who this server is, asked in class CH (RFC 4892). */
import type { BlockOptions } from '../../corefile/config.ts';
import { Rcode, RRClass, RRType } from '../../dns/rrset.ts';
import type { Handler } from '../chain.ts';

export type ChaosOptions = NonNullable<BlockOptions['chaos']>;

/** @param own what is said where the options say nothing */
export function createChaos(
  options: ChaosOptions,
  own: { readonly version: string; readonly hostName: string },
): Handler {
  const version = [options.version ?? own.version];
  const authors = options.authors ?? ['the zonelog authors'];
  const texts: ReadonlyMap<string, readonly string[]> = new Map([
    ['version.bind.', version],
    ['version.server.', version],
    ['authors.bind.', authors],
    ['hostname.bind.', [own.hostName]],
    ['id.server.', [own.hostName]],
  ]);
  return {
    name: 'chaos',
    isPure: true,
    handle(request, next) {
      const { name, type, class: rrClass } = request.question;
      const found = rrClass === RRClass.CH && type === RRType.TXT ? texts.get(name) : undefined;
      if (!found) return next(request);
      return {
        kind: 'reply',
        rcode: Rcode.NOERROR,
        isAuthoritative: false,
        recordClass: RRClass.CH,
        answer: found.map((text) => ({
          owner: name,
          type: RRType.TXT,
          ttl: 0,
          rdata: { type: 'TXT', texts: [Buffer.from(text, 'utf8').subarray(0, 255).toString('latin1')] },
        })),
        authority: [],
        additional: [],
      };
    },
  };
}
