/** All serving threads go over to a configuration, or none does. */
import { OperatorError } from '../errors.ts';
import { pointsOf } from '../serve/blocks.ts';
import type { SharedUdp } from '../serve/shared-udp.ts';
import type { ServerConfiguration } from './messages.ts';
import type { ServerThread } from './threads.ts';

type Served = Omit<ServerConfiguration, 'descriptors'>;

export interface GoingOver {
  readonly servers: readonly Pick<ServerThread, 'serve'>[];
  /** Absent: each thread has its own. */
  readonly sockets: SharedUdp | undefined;
  readonly next: Served;
  /** What comes back when it fails; absent: nothing was served yet. */
  readonly before?: Served;
  /** To be folded first. */
  readonly batch: number;
}

/**
 * @returns the lines that say what is served where
 * @throws OperatorError when a thread refuses it; then the others serve what was before
 */
export async function goOver({ servers, sockets, next, before, batch }: GoingOver): Promise<readonly string[]> {
  const points = next.blocks.flatMap(pointsOf);
  const old = before?.blocks.flatMap(pointsOf) ?? [];
  const configure = async (to: Served, some: GoingOver['servers']) => {
    const opened = await sockets?.open(to === next ? points : old);
    if (opened?.ok === false) throw new OperatorError(opened.error);
    const configuration = { ...to, descriptors: opened?.value ?? new Map() };
    return Promise.allSettled(some.map((server) => server.serve(configuration, batch)));
  };
  try {
    const outcomes = await configure(next, servers);
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    if (refused !== undefined) {
      const others = servers.filter((_, i) => outcomes[i]?.status === 'fulfilled');
      if (before !== undefined && others.length > 0) await configure(before, others);
      throw refused.reason;
    }
    sockets?.keepOnly(points);
    return outcomes.flatMap((outcome, i) => (i === 0 && outcome.status === 'fulfilled' ? outcome.value : []));
  } catch (error) {
    // What was opened for it would take questions that nobody reads.
    sockets?.keepOnly(old);
    throw error;
  }
}
