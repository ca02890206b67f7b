/** How API servers are reached: in a cluster, by address, by kubeconfig. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ApiClient } from '../../src/ingest/api-client.ts';
import { createConnector } from '../../src/ingest/credentials.ts';
import type { ConnectionOptions } from '../../src/ingest/feed.ts';
import { CLUSTER, Following, sourceOf, startApi, until } from './ingest-kit.ts';

/** A certificate that is good for nothing but to be read. */
const AUTHORITY = `-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUBI8DQJWququU2I5NKr/r9EgGKl4wCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIxMTAwMzEwWhgPMjEy
NjEwMjgxMDAzMTBaMBkxFzAVBgNVBAMMDnRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEaFeZPPmMYIfxmXpjudzit7cjNN8EofPP34aA1X/S
YMEUaW+CjFMAp25ttMPecj8/XZx54doFH9PHmoI+k8D6BqNTMFEwHQYDVR0OBBYE
FOIUVApN4N79wc2Wbf0vuEafqL+fMB8GA1UdIwQYMBaAFOIUVApN4N79wc2Wbf0v
uEafqL+fMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgYy1N35td
HUhCW/4L/gXdQq2Ep0ANxBmINW2F6HXggG0CIQC6X9sPwgjeAMfpPUM2DS5mykov
MZeEMjrhAxP+GgYM9w==
-----END CERTIFICATE-----
`;

const directory = mkdtempSync(join(tmpdir(), 'zonelog-credentials-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const env = { PATH: process.env.PATH };
const connect = createConnector({ env });

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function kubeconfig(name: string, server: string, user: object, cluster: object = {}): ConnectionOptions {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'first',
    contexts: [
      { name: 'first', context: { cluster: 'one', user: 'me' } },
      { name: 'second', context: { cluster: 'two', user: 'me' } },
    ],
    clusters: [
      { name: 'one', cluster: { server, ...cluster } },
      { name: 'two', cluster: { server: 'https://two.example:6443/k8s/', 'insecure-skip-tls-verify': true } },
    ],
    users: [{ name: 'me', user }],
  };
  return { kind: 'kubeconfig', file: write(name, JSON.stringify(config)) };
}

async function refusal(options: ConnectionOptions, connector = connect): Promise<string> {
  const found = await connector(options);
  return found.ok ? 'connected' : found.error;
}

test('outside a cluster the in-cluster configuration is refused in the words of the peer', async () => {
  assert.equal(
    await refusal({ kind: 'in-cluster' }),
    'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined',
  );
});

test('in a cluster: address from the environment, token and authority from files, and they are read again', async () => {
  const serviceAccountDirectory = join(directory, 'serviceaccount');
  const variables = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  const inCluster = createConnector({ env: variables, serviceAccountDirectory });
  assert.match(await refusal({ kind: 'in-cluster' }, inCluster), /open .*token: no such file or directory/);
  mkdirSync(serviceAccountDirectory);
  write('serviceaccount/token', 'secret\n');
  write('serviceaccount/ca.crt', 'nonsense');
  assert.match(await refusal({ kind: 'in-cluster' }, inCluster), /root certificates/);
  write('serviceaccount/ca.crt', AUTHORITY);
  const found = await inCluster({ kind: 'in-cluster' });
  assert.deepEqual(found.ok && found.value, {
    server: 'https://[fd00::1]:443',
    headers: { authorization: 'Bearer secret' },
    tls: { ca: AUTHORITY },
    refreshAfter: 60_000,
  });
});

test('an endpoint is an address, with certificates or without', async () => {
  const plain = await connect({ kind: 'endpoint', url: 'http://127.0.0.1:8080/' });
  assert.deepEqual(plain.ok && plain.value, { server: 'http://127.0.0.1:8080', headers: {} });
  const bare = await connect({ kind: 'endpoint', url: '127.0.0.1:8080' });
  assert.equal(bare.ok && bare.value.server, 'http://127.0.0.1:8080');
  assert.match(await refusal({ kind: 'endpoint', url: 'http://' }), /invalid endpoint/);
  const nowhere = join(directory, 'nowhere.pem');
  const tls = { cert: nowhere, key: nowhere, ca: nowhere };
  assert.equal(
    await refusal({ kind: 'endpoint', url: 'https://a', tls }),
    `open ${nowhere}: no such file or directory`,
  );
  const bad = write('bad.pem', 'not a certificate');
  assert.match(
    await refusal({ kind: 'endpoint', url: 'https://a', tls: { cert: bad, key: bad, ca: bad } }),
    /no PEM data/,
  );
});

test('a kubeconfig: token, context, and what is wrong with it', async () => {
  const config = kubeconfig('token.yaml', 'http://127.0.0.1:1', { token: 'abc' });
  assert.ok(config.kind === 'kubeconfig');
  const first = await connect(config);
  assert.deepEqual(first.ok && first.value, {
    server: 'http://127.0.0.1:1',
    headers: { authorization: 'Bearer abc' },
    refreshAfter: 600_000,
  });
  const second = await connect({ ...config, context: 'second' });
  assert.deepEqual(second.ok && second.value, {
    server: 'https://two.example:6443/k8s',
    headers: { authorization: 'Bearer abc' },
    tls: { rejectUnauthorized: false },
    refreshAfter: 600_000,
  });
  assert.equal(await refusal({ ...config, context: 'third' }), 'context "third" does not exist');
  const nowhere = join(directory, 'nowhere.yaml');
  assert.equal(await refusal({ kind: 'kubeconfig', file: nowhere }), `open ${nowhere}: no such file or directory`);
  assert.match(await refusal({ kind: 'kubeconfig', file: write('broken.yaml', '{: [') }), /error loading config file/);
  assert.match(await refusal({ kind: 'kubeconfig', file: write('empty.yaml', '') }), /broken|invalid|error loading/);
});

test('a kubeconfig’s exec plugin is run for its token', async () => {
  const token = write('token', 'one');
  const plugin = write(
    'plugin.sh',
    `#!/bin/sh\necho "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"$(cat ${token})\\"}}"\n`,
  );
  chmodSync(plugin, 0o755);
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
  const config = kubeconfig('exec.yaml', 'https://127.0.0.1:1', { exec });
  const before = await connect(config);
  assert.equal(before.ok && before.value.headers.authorization, 'Bearer one');
  writeFileSync(token, 'two');
  const later = await connect(config);
  assert.equal(later.ok && later.value.headers.authorization, 'Bearer two');
  const broken = { ...exec, command: join(directory, 'no-plugin') };
  assert.match(await refusal(kubeconfig('exec2.yaml', 'https://127.0.0.1:1', { exec: broken })), /no-plugin|ENOENT/);
});

test('a cluster is followed by kubeconfig, and a token that ends is renewed', async (t) => {
  const api = await startApi(undefined, { token: 'good' });
  t.after(() => api.stop());
  const token = write('rotating', 'old');
  const config = kubeconfig('rotating.yaml', api.url, { tokenFile: token });
  const following = new Following({ sources: [{ ...sourceOf(api), connection: config }], connect });
  t.after(() => following.stop());
  await until(() => following.logged.some((line) => line.includes('Unauthorized')));
  writeFileSync(token, 'good');
  await until(() => following.isSynced(CLUSTER));
});

const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test('TLS: the server is checked against the authority, and sees the client’s certificate', {
  skip: !hasOpenssl && 'no openssl',
}, async () => {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  for (const name of ['server', 'client', 'stranger']) {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      ...subject,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
    );
  }
  const file = (name: string) => join(directory, name);
  const server = createServer(
    {
      key: readFileSync(file('server.key')),
      cert: readFileSync(file('server.crt')),
      ca: readFileSync(file('client.crt')),
      requestCert: true,
    },
    (_, response) => response.end('{}'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = async (ca: string) => {
    const tls = { cert: file('client.crt'), key: file('client.key'), ca: file(ca) };
    const clock = { now: Date.now, after: () => () => undefined };
    const client = new ApiClient({
      connect: () => connect({ kind: 'endpoint', url, tls }),
      limits: {},
      clock,
      userAgent: 'test',
    });
    const answer = await client.get('/', {}, { kind: 'list', idle: 1000, signal: new AbortController().signal });
    if (answer.ok) for await (const _ of answer.value.chunks);
    await client.close();
    return answer.ok ? 'trusted' : answer.error.reason;
  };
  assert.equal(await ask('server.crt'), 'trusted');
  assert.match(await ask('stranger.crt'), /self-signed certificate|unable to verify/);
  const mixed = { cert: file('client.crt'), key: file('server.key'), ca: file('server.crt') };
  assert.match(await refusal({ kind: 'endpoint', url, tls: mixed }), /key values mismatch/);
  server.closeAllConnections();
  server.close();
});
