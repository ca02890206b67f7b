/** BIND, Knot DNS, NSD and PowerDNS, configured as docs/secondaries.md says but for addresses, ports and folders. */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { CERTIFICATE } from '../kit/certificates.ts';
import { adapt, docFile } from './doc.ts';
import { newerCommand, newerProgram } from './newer.ts';
import { type PeerKind, type Place, run } from './peer.ts';

/** Of zonelog's certificate. */
const PIN = createHash('sha256')
  .update(new X509Certificate(CERTIFICATE).publicKey.export({ type: 'spki', format: 'der' }))
  .digest('base64');

const bind = (name: string, file: string): PeerKind => ({
  name,
  program: 'named',
  files: ({ folder, primary, port }) => ({
    'named.conf': adapt(docFile(file), {
      '192.0.2.1 port 53': `127.0.0.1 port ${primary}`,
      'port 53 { 192.0.2.53; }': `port ${port} { 127.0.0.1; }`,
      '"/var/cache/bind"': JSON.stringify(folder),
      'options {': 'options {\n    pid-file none;\n    session-keyfile none;',
    }),
  }),
  command: ({ folder }) => ['named', '-g', '-c', path.join(folder, 'named.conf')],
});

/** Where the page has certificates and keys of secondaries; those of the test are in the peer's folder. */
const tlsFiles = (folder: string, etc: string) => ({
  [`${etc}/zonelog-ca.crt`]: `${folder}/ca.pem`,
  [`${etc}/tls.crt`]: `${folder}/cert.pem`,
  [`${etc}/tls.key`]: `${folder}/key.pem`,
  'primary.example.org': 'dns.test',
});

export const BIND = bind('bind', 'named.conf');
export const BIND_TLS: PeerKind = {
  ...BIND,
  files: ({ folder, primary, port }) => ({
    'named.conf': adapt(docFile('named-tls.conf'), {
      ...tlsFiles(folder, '/etc/bind'),
      '192.0.2.1 port 853': `127.0.0.1 port ${primary}`,
      'port 53 { 192.0.2.53; }': `port ${port} { 127.0.0.1; }`,
      '"/var/cache/bind"': JSON.stringify(folder),
      'options {': 'options {\n    pid-file none;\n    session-keyfile none;',
    }),
  }),
};
export const BIND_CATALOG = bind('bind', 'named-catalog.conf');

const knot = (name: string, file: string): PeerKind => ({
  name,
  program: 'knotd',
  files: ({ folder, primary, port }) => ({
    'knot.conf': adapt(docFile(file), {
      '192.0.2.1@53': `127.0.0.1@${primary}`,
      'address: 192.0.2.1\n': 'address: 127.0.0.1\n',
      '192.0.2.54@53': `127.0.0.1@${port}`,
      '/var/lib/knot': folder,
      'server:\n': `server:\n    rundir: ${folder}\n`,
    }),
  }),
  command: ({ folder }) => ['knotd', '-c', path.join(folder, 'knot.conf')],
});

export const KNOT = knot('knot', 'knot.conf');
export const KNOT_CATALOG = knot('knot', 'knot-catalog.conf');

const nsd = (file: string, more: (place: Place) => Readonly<Record<string, string>>): PeerKind => ({
  name: 'nsd',
  program: 'nsd',
  files: ({ folder, primary, port }) => ({
    'nsd.conf': `${adapt(docFile(file), {
      ...more({ folder, primary, port }),
      'allow-notify: 192.0.2.1 ': 'allow-notify: 127.0.0.1 ',
      '192.0.2.55@53': `127.0.0.1@${port}`,
      '/var/lib/nsd': folder,
      'server:\n': `server:\n    username: ""\n    pidfile: "${folder}/nsd.pid"\n    zonelistfile: "${folder}/zone.list"\n    xfrdfile: "${folder}/xfrd.state"\n    database: "${folder}/nsd.db"\n`,
    })}\nremote-control:\n    control-enable: no\n`,
  }),
  command: ({ folder }) => ['nsd', '-d', '-c', path.join(folder, 'nsd.conf')],
});

export const NSD = nsd('nsd.conf', ({ primary }) => ({ '192.0.2.1@53': `127.0.0.1@${primary}` }));
export const NSD_TLS = nsd('nsd-tls.conf', ({ folder, primary }) => ({
  ...tlsFiles(folder, '/etc/nsd'),
  '192.0.2.1@853': `127.0.0.1@${primary}`,
}));

/** Knot 3.4 or newer. */
export const KNOT_TLS: PeerKind = {
  name: 'knot',
  program: newerProgram('knotd'),
  files: ({ folder, primary, port }) => ({
    'knot.conf': adapt(docFile('knot-tls.conf'), {
      '/etc/knot/tls.crt': `${folder}/cert.pem`,
      '/etc/knot/tls.key': `${folder}/key.pem`,
      'h5hZdIr0tUQ5GkTM1kqFcQuVWbtyIVH0Zp6mLkUtVDg=': PIN,
      '192.0.2.1@853': `127.0.0.1@${primary}`,
      'address: 192.0.2.1\n': 'address: 127.0.0.1\n',
      '192.0.2.54@53': `127.0.0.1@${port}`,
      '/var/lib/knot': folder,
      'server:\n': `server:\n    rundir: ${folder}\n`,
    }),
  }),
  command: ({ folder }) => newerCommand('knotd', '-c', path.join(folder, 'knot.conf')),
};

/** NSD 4.9 or newer. */
export const NSD_CATALOG: PeerKind = {
  name: 'nsd',
  program: newerProgram('nsd'),
  files: ({ folder, primary, port }) => ({
    'nsd.conf': `${adapt(docFile('nsd-catalog.conf'), {
      '192.0.2.1@53': `127.0.0.1@${primary}`,
      'allow-notify: 192.0.2.1 ': 'allow-notify: 127.0.0.1 ',
      '192.0.2.55@53': `127.0.0.1@${port}`,
      '/var/lib/nsd': folder,
      'server:\n': `server:\n    username: ""\n    pidfile: "${folder}/nsd.pid"\n    zonelistfile: "${folder}/zone.list"\n    xfrdfile: "${folder}/xfrd.state"\n`,
    })}\nremote-control:\n    control-enable: no\n`,
  }),
  command: ({ folder }) => newerCommand('nsd', '-d', '-c', path.join(folder, 'nsd.conf')),
};

const powerDns = (name: string, script: string): PeerKind => ({
  name,
  program: 'pdns_server',
  files: ({ folder, port }) => ({
    'pdns.conf': `${adapt(docFile('pdns.conf'), {
      '192.0.2.56': '127.0.0.1',
      'local-port=53': `local-port=${port}`,
      '/var/lib/powerdns': folder,
    })}socket-dir=${folder}\n`,
  }),
  prepare(place) {
    for (const line of powerDnsCommands(place, script)) {
      const [program = '', ...args] = line.split(' ');
      if (program === 'sqlite3') {
        const database = new Sqlite(args[0]);
        const [, statement] = /'(.*)'$/.exec(line) ?? [];
        database.exec(statement ?? readFileSync(args[2] as string, 'utf8'));
        database.close();
      } else runPdnsutil(place, args);
    }
  },
  setSecret(place, secret) {
    runPdnsutil(place, ['delete-tsig-key', 'transfer.key']);
    runPdnsutil(place, ['import-tsig-key', 'transfer.key', 'hmac-sha256', secret]);
  },
  command: ({ folder }) => ['pdns_server', `--config-dir=${folder}`, '--guardian=no', '--daemon=no', '--write-pid=no'],
});

export const POWERDNS = powerDns('powerdns', 'powerdns.sh');
export const POWERDNS_CATALOG = powerDns('powerdns', 'powerdns-catalog.sh');

function powerDnsCommands({ folder, primary }: Place, file: string): string[] {
  const script = adapt(docFile(file), { '192.0.2.1:53': `127.0.0.1:${primary}`, '/var/lib/powerdns': folder });
  return script.trimEnd().split('\n');
}

function runPdnsutil({ folder }: Place, args: readonly string[]): void {
  run(['pdnsutil', `--config-dir=${folder}`, ...args], folder);
}
