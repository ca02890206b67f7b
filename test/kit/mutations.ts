/** DNS questions of many kinds, and copies of them with faults, the same ones in every run. */
import { question } from './serving.ts';

export type Below = (below: number) => number;

/** Whole numbers from 0 up to, but not including, the argument (Park and Miller). */
export function randomOf(seed: number): Below {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

const TYPES = ['A', 'AAAA', 'SOA', 'TXT', 'ANY', 'AXFR', 'IXFR', 'DS', 'OPT', 'TSIG', 'TYPE65535'];

/** Each name with each type, without EDNS (class CH) and with several kinds of it. */
export function seedPackets(names: readonly string[]): Buffer[] {
  const cookie = { code: 10, data: Buffer.alloc(8, 5) };
  const nsid = { code: 3, data: Buffer.alloc(0) };
  const edns = [undefined, {}, { version: 1 }, { udpSize: 65_535, isDnssecOk: true }, { options: [cookie, nsid] }];
  return names.flatMap((name) =>
    TYPES.flatMap((type) =>
      edns.map((opt, i) => question(name, type, { class: i === 0 ? 'CH' : 'IN', ...(opt ? { edns: opt } : {}) })),
    ),
  );
}

/** A copy with octets changed, cut, doubled or put in between; now and then as it is. */
export function mutate(packet: Buffer, random: Below): Buffer {
  let out = Buffer.from(packet);
  for (let changes = random(4); changes > 0; changes--) {
    const at = random(out.length + 1);
    const kind = random(6);
    if (kind === 0) out = out.subarray(0, at);
    else if (kind === 1) out = Buffer.concat([out.subarray(0, at), Buffer.from([random(256)]), out.subarray(at)]);
    else if (kind === 2) out = Buffer.concat([out, out.subarray(at)]);
    else if (kind === 3 && at < out.length) out[at] = [0, 1, 12, 0x3f, 0x40, 0x80, 0xc0, 0xff][random(8)] as number;
    else if (kind === 4 && out.length > 11) out.writeUInt16BE(random(65_536), 2 + 2 * random(5));
    else if (at < out.length) out[at] = (out[at] as number) ^ (1 << random(8));
    if (out.length === 0) return out;
  }
  return out;
}
