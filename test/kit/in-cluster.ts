/** What a pod finds of its API server: environment, token and authority; and the TLS end that they lead to. */
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { CA, CERTIFICATE, KEY } from './certificates.ts';

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InCluster {
  readonly env: Readonly<Record<string, string>>;
  /** For `ServerOptions.files`. */
  readonly files: Readonly<Record<string, string>>;
  stop(): void;
}

/** @param apiPort of an API server on 127.0.0.1 that speaks plain HTTP */
export async function startInCluster(apiPort: number): Promise<InCluster> {
  const server = createServer({ cert: CERTIFICATE, key: KEY }, (client) => {
    const api = connect(apiPort, '127.0.0.1');
    client.on('error', () => api.destroy());
    api.on('error', () => client.destroy());
    client.pipe(api).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) },
    files: {
      [`${FOLDER}/token`]: 'token-of-the-test\n',
      [`${FOLDER}/ca.crt`]: CA,
      [`${FOLDER}/namespace`]: 'kube-system',
    },
    stop: () => server.close(),
  };
}
