/** Names as octets of the wire, uncompressed. */
import { type DomainName, labelsOf, unescapeLabel } from './name.ts';

/** The name on the wire, uncompressed. */
export function nameOctets(name: DomainName): Uint8Array {
  const labels = labelsOf(name).map((label) => Buffer.from(unescapeLabel(label), 'latin1'));
  return Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), label]), Buffer.of(0)]);
}
