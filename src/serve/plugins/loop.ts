/**
 * `loop`: does what we forward come back to us? At start the server is asked for a name that nobody else knows; seen more
 * than twice, it goes round, and every other question would too.
 */
import type { DomainName } from '../../dns/name.ts';
import { RRType } from '../../dns/rrset.ts';
import type { Handler, Request } from '../chain.ts';
import type { Timer } from '../timer.ts';

/** How often the name may be seen: once from ourselves, and once more when that was answered too late. */
const MAX_SEEN = 2;
/** Time to find a loop, milliseconds. */
const WATCH_MS = 30_000;
/** After the name was answered, milliseconds. */
const LINGER_MS = 2000;
const RETRY_MS = 1000;
/** Until the listeners are open, milliseconds. */
const FIRST_MS = 50;

export interface LoopOptions {
  /** Of the server block's first key. */
  readonly zone: DomainName;
  /** Where the server listens. */
  readonly address: string;
  readonly port: number;
}

export interface LoopTools {
  readonly random: () => number;
  readonly timer: Timer;
  /** Asks the server at the address for the HINFO record of a name; false when there is no reply. */
  readonly ask: (name: DomainName) => Promise<boolean>;
  readonly onLoop: (line: string) => void;
}

export function createLoop({ zone, address, port }: LoopOptions, tools: LoopTools): Handler {
  const name = `${randomLabel(tools.random)}.${randomLabel(tools.random)}.${zone === '.' ? '' : zone}` as DomainName;
  let seen = 0;
  let isOver = false;
  const cancels = new Set<() => void>();
  const after = (ms: number, callback: () => void): void => {
    const cancel = tools.timer(() => {
      cancels.delete(cancel);
      callback();
    }, ms);
    cancels.add(cancel);
  };
  const end = () => {
    isOver = true;
    for (const cancel of cancels) cancel();
    cancels.clear();
  };

  const probe = async (): Promise<void> => {
    const isAnswered = await tools.ask(name);
    if (isOver) return;
    if (isAnswered) after(LINGER_MS, end);
    else {
      seen = 0;
      after(RETRY_MS, () => void probe());
    }
  };
  after(WATCH_MS, end);
  after(FIRST_MS, () => void probe());

  return {
    name: 'loop',
    isPure: true,
    handle(request, next) {
      if (!isOver && request.question.type === RRType.HINFO && request.question.name === name) {
        seen += 1;
        if (seen > MAX_SEEN) {
          end();
          tools.onLoop(describe(request, `${address}:${port}`, zone, name));
        }
      }
      return next(request);
    },
    close: end,
  };
}

/** As the peer words it. */
function describe({ remote }: Request, to: string, zone: DomainName, name: DomainName): string {
  const from = remote.address.includes(':') ? `[${remote.address}]` : remote.address;
  return (
    `Loop (${from}:${remote.port} -> ${to}) detected for zone "${zone}", ` +
    `see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${name}"`
  );
}

/** Sixty-two bits as a decimal number. */
function randomLabel(random: () => number): string {
  const part = () => BigInt(Math.floor(random() * 2 ** 31));
  return String((part() << 31n) | part());
}
