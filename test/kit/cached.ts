/** A `cache` in front of a plugin that answers as the test says, on a clock of its own. */
import { MessageEncoder } from '../../src/dns/encode.ts';
import { Rcode, type ResourceRecord, RRType } from '../../src/dns/rrset.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { composeChain, type Handler, type MaybePromise, type Reply, type Request } from '../../src/serve/chain.ts';
import { createCache } from '../../src/serve/plugins/cache.ts';
import { optionsOf } from './corefile.ts';
import { FakeClock } from './fake-clock.ts';
import { requestFor } from './handlers.ts';

export interface Made {
  readonly rcode?: number;
  readonly answer?: string;
  readonly authority?: string;
  readonly additional?: string;
  readonly more?: Partial<Reply>;
}

/** A reply of records in presentation format. */
export function madeReply({ rcode = Rcode.NOERROR, answer, authority, additional, more }: Made): Reply {
  const records = (text = ''): ResourceRecord[] => parseZoneText(text);
  return {
    kind: 'reply',
    rcode,
    isAuthoritative: false,
    isRecursionAvailable: true,
    answer: records(answer),
    authority: records(authority),
    additional: records(additional),
    ...more,
  };
}

export class Cached {
  readonly clock = new FakeClock();
  readonly handler: Handler;
  /** The plugin behind the cache. */
  readonly behind: Handler;
  /** What it was asked. */
  readonly asked: Request[] = [];
  readonly failures: unknown[] = [];
  readonly #run: (request: Request) => MaybePromise<unknown>;

  /**
   * @param corefile the `cache` directive
   * @param answer what is answered behind it
   * @param plugin the name of who answers
   */
  constructor(corefile: string, answer: (request: Request, count: number) => MaybePromise<Made>, plugin = 'forward') {
    const options = optionsOf(corefile).cache;
    if (!options) throw new Error('no cache');
    this.handler = createCache(options, '', {
      now: this.clock.now,
      timer: this.clock.timer,
      encoder: new MessageEncoder(),
      onFailure: (error) => this.failures.push(error),
    });
    this.behind = {
      name: plugin,
      isPure: true,
      handle: (request) => {
        this.asked.push(request);
        const made = answer(request, this.asked.length);
        return made instanceof Promise ? made.then(madeReply) : madeReply(made);
      },
    };
    this.#run = composeChain([this.handler, this.behind]);
  }

  async ask(name: string, type: number = RRType.A, parts: Partial<Request> = {}): Promise<Reply> {
    return (await this.#run(requestFor(name, type, parts))) as Reply;
  }

  /** The TTLs of all records. */
  async ttls(name: string, type: number = RRType.A): Promise<number[]> {
    const { answer, authority, additional } = await this.ask(name, type);
    return [...answer, ...authority, ...additional].map(({ ttl }) => ttl);
  }

  /** The sum of a counter's samples, of those with this label. */
  count(name: string, label?: string): number {
    const family = this.handler.metrics?.().find((one) => one.name === name);
    if (!family) throw new Error(`no metric ${name}`);
    return family.samples
      .filter(({ labels }) => label === undefined || labels.includes(label))
      .reduce((sum, { value }) => sum + (typeof value === 'number' ? value : 0), 0);
  }
}
