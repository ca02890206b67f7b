/** BIND and Knot DNS as primaries of one zone that is changed by dynamic updates (RFC 2136). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { seededRandom } from '../kit/churn.ts';
import { hasProgram, type PeerKind, SECRET } from './peer.ts';

export const ZONE = 'example.org.';
export const KEY = 'transfer.key';

/** Here `Place.primary` is the port of the server that is told of changes. */
export const BIND_PRIMARY: PeerKind = {
  name: 'bind',
  program: 'named',
  files: ({ folder, primary, port }) => ({
    'named.conf': `
key "${KEY}" { algorithm hmac-sha256; secret "${SECRET}"; };
options {
    directory "${folder}";
    pid-file none;
    session-keyfile none;
    listen-on port ${port} { 127.0.0.1; };
    listen-on-v6 { none; };
    recursion no;
    notify explicit;
    notify-delay 0;
    max-ixfr-ratio unlimited;
};
zone "example.org" {
    type primary;
    file "${folder}/example.org.zone";
    allow-update { key ${KEY}; };
    allow-transfer { 127.0.0.1; };
    also-notify { 127.0.0.1 port ${primary} key ${KEY}; };
};
`,
    'example.org.zone': FIRST,
  }),
  command: ({ folder }) => ['named', '-g', '-c', path.join(folder, 'named.conf')],
};

export const KNOT_PRIMARY: PeerKind = {
  name: 'knot',
  program: 'knotd',
  files: ({ folder, primary, port }) => ({
    'knot.conf': `
server:
    rundir: ${folder}
    listen: 127.0.0.1@${port}
log:
  - target: stderr
    any: info
database:
    storage: ${folder}
key:
  - id: ${KEY}
    algorithm: hmac-sha256
    secret: ${SECRET}
remote:
  - id: told
    address: 127.0.0.1@${primary}
    key: ${KEY}
acl:
  - id: updates
    key: ${KEY}
    action: [update, transfer]
  - id: looks
    address: 127.0.0.1
    action: transfer
zone:
  - domain: example.org
    storage: ${folder}
    file: example.org.zone
    journal-content: changes
    journal-max-depth: 2000
    zonefile-load: difference
    acl: [updates, looks]
    notify: told
`,
    'example.org.zone': FIRST,
  }),
  command: ({ folder }) => ['knotd', '-c', path.join(folder, 'knot.conf')],
};

const FIRST = `$ORIGIN example.org.
$TTL 300
@ SOA ns hostmaster 100 3600 1 86400 60
@ NS ns
ns A 192.0.2.1
*.any TXT "stands for all"
sub NS ns.sub
ns.sub A 192.0.2.2
`;

export const hasUpdates = hasProgram('nsupdate');

/** Random changes of the zone, the same for the same seed. */
export class Updates {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** Sends so many updates, one after the other, each of a few records. */
  async send(port: number, count: number): Promise<void> {
    const script = [`server 127.0.0.1 ${port}`, `zone ${ZONE}`];
    for (let i = 0; i < count; i++) {
      const changes = 1 + Math.floor(this.#random() * 4);
      for (let j = 0; j < changes; j++) script.push(this.#change());
      script.push('send');
    }
    const child = spawn('nsupdate', ['-y', `hmac-sha256:${KEY}:${SECRET}`], { stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.stdin.end(`${script.join('\n')}\n`);
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`nsupdate: ${said}`);
  }

  #change(): string {
    const pick = (sides: number) => Math.floor(this.#random() * sides);
    const host = `h${pick(60)}.${['', 'a.', 'b.c.'][pick(3)]}${ZONE}`;
    const ttl = [60, 300, 3600][pick(3)];
    switch (pick(8)) {
      case 0:
      case 1:
        return `update delete ${host}`;
      case 2:
        return `update delete ${host} A`;
      case 3:
        return `update add ${host} ${ttl} TXT "text ${pick(100)}" "more \\"${pick(10)}\\""`;
      case 4:
        return `update add ${host} ${ttl} MX ${pick(10)} mail${pick(5)}.example.net.`;
      case 5:
        return `update add ${host} ${ttl} AAAA 2001:db8::${pick(65_536).toString(16)}`;
      case 6:
        return `update add ${host} ${ttl} TYPE65280 \\# 3 0a0b${pick(256).toString(16).padStart(2, '0')}`;
      default:
        return `update add ${host} ${ttl} A 192.0.2.${pick(256)}`;
    }
  }
}
