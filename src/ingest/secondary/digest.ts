/** Zones of other servers, verified by the digest that they have (RFC 8976 §4) before they count. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RecordStore } from '../../dns/record-store.ts';
import { verifyInSteps } from '../../dns/zone-digest.ts';
import type { Clock } from '../clock.ts';

/** `verify`: a digest that is there must be right. `require`: one must be there. */
export type DigestPolicy = 'verify' | 'require';

/** Milliseconds for which the thread may be busy with it. */
const STEP = 4;

/** @returns why the version is not to be taken; undefined: it is */
export async function digestFault(
  records: RecordStore,
  policy: DigestPolicy,
  clock: Pick<Clock, 'now'>,
): Promise<string | undefined> {
  const steps = verifyInSteps(records);
  let step = steps.next();
  for (let until = clock.now() + STEP; !step.done; step = steps.next()) {
    if (clock.now() < until) continue;
    await nextTurn();
    until = clock.now() + STEP;
  }
  switch (step.value) {
    case 'valid':
      return undefined;
    case 'invalid':
      return 'ZONEMD: the digest is of another zone';
    case 'absent':
      return policy === 'verify' ? undefined : 'ZONEMD: there is none';
    case 'unknown':
      return policy === 'verify' ? undefined : 'ZONEMD: none of a hash that is known here';
  }
}
