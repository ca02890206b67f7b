/**
 * `merge`: one service of the same name in several clusters, as one. A headless service has the endpoints of all of
 * them; where they don't fit together (an address here, an alias or a cluster IP there) the first stanza's stands.
 */
import type { Slot } from './slot.ts';

/**
 * @param slots of the stanzas that are merged, in their order; undefined where a stanza has no such service
 * @returns what each of them then stands for: the first headless one for all headless ones
 */
export function mergeSlots(slots: readonly (Slot | undefined)[]): (Slot | undefined)[] {
  const first = slots.find((slot) => slot !== undefined);
  if (first === undefined || !isHeadless(first)) return [...slots];
  const others = slots.filter((slot) => slot !== undefined && slot !== first && isHeadless(slot));
  const slices = others.flatMap((slot) =>
    (slot?.slices ?? []).map((slice) => ({ ...slice, endpointName: slice.endpointName ?? slot?.endpointName ?? none })),
  );
  const merged: Slot = { ...first, slices: [...first.slices, ...slices] };
  return slots.map((slot) => (slot === first ? merged : others.includes(slot) ? undefined : slot));
}

/** Do these slots contradict each other, so that only the first is served? */
export function isConflict(slots: readonly (Slot | undefined)[]): boolean {
  const present = slots.filter((slot) => slot !== undefined);
  return present.length > 1 && !present.every(isHeadless);
}

function isHeadless(slot: Slot): boolean {
  return slot.addresses === undefined && slot.externalName === undefined;
}

const none = () => undefined;
