/** BIND, Knot DNS and NSD from the distribution's packages: as primaries of a zone file, and Knot as a secondary. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { ZONE } from './questions.ts';
import type { Contestant } from './servers.ts';

export interface FilePrimary {
  readonly contestant: Contestant;
  /** Its configuration, for a port. */
  conf(zoneFile: string, folder: string): (port: number) => string;
}

/** Where Debian keeps servers. */
const FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin'];

export function findProgram(name: string): string | undefined {
  return FOLDERS.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

const bind = (zoneFile: string, folder: string) => (port: number) =>
  `
options {
    directory "${folder}";
    listen-on port ${port} { 127.0.0.1; };
    listen-on-v6 { none; };
    pid-file none;
    session-keyfile none;
    recursion no;
    notify no;
    dnssec-validation no;
    check-names primary ignore;
    max-records-per-type 0;
    max-types-per-name 0;
    allow-transfer { any; };
};
controls { };
zone "${ZONE}" { type primary; file "${zoneFile}"; };
`;

const knot = (zoneFile: string, folder: string) => (port: number) =>
  `
server:
    rundir: ${folder}
    listen: 127.0.0.1@${port}
database:
    storage: ${folder}
acl:
  - id: anyone
    action: transfer
zone:
  - domain: ${ZONE}
    file: ${zoneFile}
    acl: anyone
    zonefile-load: whole
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
`;

const nsd = (zoneFile: string, folder: string) => (port: number) =>
  `
server:
    ip-address: 127.0.0.1@${port}
    username: ""
    zonesdir: "${folder}"
    xfrdir: "${folder}"
    database: ""
    pidfile: "${folder}/nsd.pid"
    zonelistfile: "${folder}/zone.list"
    xfrdfile: "${folder}/xfrd.state"
remote-control:
    control-enable: no
zone:
    name: "${ZONE}"
    zonefile: "${zoneFile}"
    provide-xfr: 0.0.0.0/0 NOKEY
`;

/** Those that are installed. */
export function findPrimaries(): FilePrimary[] {
  const known = [
    { label: 'BIND', program: 'named', args: '-g -c {conf}', conf: bind },
    { label: 'Knot', program: 'knotd', args: '-c {conf}', conf: knot },
    { label: 'NSD', program: 'nsd', args: '-d -c {conf}', conf: nsd },
  ];
  return known.flatMap(({ label, program, args, conf }) => {
    const found = findProgram(program);
    return found === undefined ? [] : [{ contestant: { label, command: `${found} ${args}`, hasLog: false }, conf }];
  });
}

/**
 * Knot as a secondary of a server on that port.
 * @param isLast It has no secondaries of its own and is told so: what it plans to tell them makes it wait (docs/secondaries.md).
 */
export function knotSecondary(primaryPort: number, folder: string, isLast: boolean): (port: number) => string {
  return (port) => `
server:
    rundir: ${folder}
    listen: 127.0.0.1@${port}
database:
    storage: ${folder}
remote:
  - id: primary
    address: 127.0.0.1@${primaryPort}
    block-notify-after-transfer: ${isLast ? 'on' : 'off'}
acl:
  - id: told
    address: 127.0.0.1
    action: notify
zone:
  - domain: ${ZONE}
    storage: ${folder}
    master: primary
    acl: told
    zonefile-sync: -1
`;
}
