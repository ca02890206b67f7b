/** What a Corefile says of transfers that is no error, but never does what it is for: the operator is told at the start. */
import type { BlockConfig, Config, TransferOptions } from '../corefile/config.ts';
import { isSubdomain } from '../dns/name.ts';

/** @returns a line for each */
export function transferWarnings({ serverBlocks }: Config): string[] {
  return serverBlocks.flatMap((block) =>
    (block.options.transfer ?? []).flatMap((stanza) =>
      warningsOf(block, stanza).map((text) => `plugin/transfer: ${block.file}:${block.line} - ${text}`),
    ),
  );
}

function warningsOf({ keys, zones, options }: BlockConfig, { to, tls, zones: transferred }: TransferOptions): string[] {
  const warnings: string[] = [];
  const hasTls = keys.some(({ transport }) => transport === 'tls');
  const wantsCertificate = to.some(({ certificate }) => certificate !== undefined);
  if (tls === 'required' && !hasTls)
    warnings.push("'tls required', but the server block has no tls:// key: nobody gets the zones");
  if (wantsCertificate && !hasTls) {
    warnings.push("'cert', but the server block has no tls:// key: nobody can show a certificate");
  } else if (wantsCertificate && (options.tls?.clientAuth ?? 'nocert') === 'nocert') {
    warnings.push("'cert', but tls has no client_auth: no certificate is asked for");
  }
  for (const zone of transferred) {
    if (!zones.some((own) => isSubdomain(own, zone) || isSubdomain(zone, own)))
      warnings.push(`zone '${zone}' is in no zone of the server block`);
  }
  return warnings;
}
