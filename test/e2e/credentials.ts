/** Keys, certificates, a token and kubeconfigs for one cluster, all made by the openssl command and gone with its folder. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Credentials {
  readonly caFile: string;
  readonly ca: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  /** Signs the tokens of service accounts. */
  readonly serviceAccountKey: string;
  /** A client certificate in the group system:masters. */
  readonly adminCertificate: string;
  readonly adminKey: string;
  /** A bearer token of the same power, and the file by which the API server knows it. */
  readonly token: string;
  readonly tokenFile: string;
}

const run = promisify(execFile);
const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];
const DAYS = ['-days', '30'];

export async function createCredentials(dir: string, name: string): Promise<Credentials> {
  const at = (file: string) => join(dir, file);
  const ca = { certificate: at('ca.crt'), key: at('ca.key') };
  await openssl([
    ...['req', '-x509', ...EC_KEY, ...DAYS, '-subj', `/CN=${name}-ca`],
    ...['-keyout', ca.key, '-out', ca.certificate],
  ]);
  const sign = async (file: string, subject: string, extension: string) => {
    const [key, certificate] = [at(`${file}.key`), at(`${file}.crt`)];
    await openssl([
      ...['req', '-x509', ...EC_KEY, ...DAYS, '-subj', subject, '-CA', ca.certificate, '-CAkey', ca.key],
      ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', extension],
      ...['-keyout', key, '-out', certificate],
    ]);
    return { key, certificate };
  };
  const server = await sign('apiserver', '/CN=kube-apiserver', 'subjectAltName=IP:127.0.0.1,DNS:localhost');
  const admin = await sign('admin', '/O=system:masters/CN=admin', 'extendedKeyUsage=clientAuth');
  const serviceAccountKey = at('service-account.key');
  await openssl(['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', serviceAccountKey]);
  const token = randomBytes(16).toString('hex');
  const tokenFile = at('tokens.csv');
  await writeFile(tokenFile, `${token},token-admin,token-admin,system:masters\n`, { mode: 0o600 });
  return {
    caFile: ca.certificate,
    ca: await readFile(ca.certificate, 'utf8'),
    serverCertificate: server.certificate,
    serverKey: server.key,
    serviceAccountKey,
    adminCertificate: admin.certificate,
    adminKey: admin.key,
    token,
    tokenFile,
  };
}

/** A kubeconfig (JSON is YAML) with one cluster and one user. */
export function kubeconfig(name: string, url: string, caFile: string, user: Record<string, string>): string {
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster: { server: url, 'certificate-authority': caFile } }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    },
    undefined,
    2,
  );
}

async function openssl(args: readonly string[]): Promise<void> {
  await run('openssl', args);
}
