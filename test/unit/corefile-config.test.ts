import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Config, checkListeners, defaultCorefile, loadConfig } from '../../src/corefile/config.ts';

interface World {
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly warnings?: string[];
}

/** Loads a Corefile and looks for blocks that can't listen side by side, as the server does at its start. */
function start(text: string, { env = {}, files = {}, warnings = [] }: World = {}): Config | string {
  const loaded = loadConfig(text, {
    file: 'Corefile',
    env: (name) => env[name],
    readFile: (path) => files[path] ?? assert.fail(Object.assign(new Error(path), { code: 'ENOENT' })),
    listDir: () => Object.keys(files),
    warn: (warning) => warnings.push(warning),
  });
  if (!loaded.ok) return loaded.error.message;
  const listening = loaded.value.serverBlocks.map(({ keys, options }) => ({
    keys,
    bind: options.bind?.addresses ?? [],
    isFiltered: options.view !== undefined,
  }));
  const checked = checkListeners(listening, 1053);
  return checked.ok ? loaded.value : checked.error.message;
}

function config(text: string, world?: World): Config {
  const started = start(text, world);
  assert.ok(typeof started !== 'string', String(started));
  return started;
}

test('directives come in the order of their plugins, stanzas in the order of the file', () => {
  const [block] = config('a b:54 {\n log\n kubernetai x.\n errors\n kubernetai y.\n bind 127.0.0.1\n}').serverBlocks;
  assert.deepEqual([...(block?.directives.keys() ?? [])], ['bind', 'errors', 'log', 'kubernetai']);
  assert.deepEqual(
    block?.directives.get('kubernetai')?.map((d) => d.line),
    [3, 5],
  );
  assert.deepEqual(block?.zones, ['a.', 'b.']);
  assert.deepEqual(
    block?.options.kubernetai?.map((o) => o.zones[0]),
    ['x.', 'y.'],
  );
});

test('unsupported directives are named', () => {
  const message = "Corefile:2 - Error during parsing: directive 'route53' is not supported by zonelog";
  assert.equal(start('. {\n route53 a:b\n}'), message);
  for (const name of ['azure', 'clouddns', 'etcd', 'dnstap', 'trace', 'nomad', 'sign', 'dnssec', 'quic', 'on']) {
    assert.match(String(start(`. {\n ${name}\n}`)), new RegExp(`directive '${name}' is not supported by zonelog$`));
  }
});

test('pprof is let pass with a warning', () => {
  const warnings: string[] = [];
  config('. {\n pprof\n}', { warnings });
  assert.deepEqual(warnings, ["Corefile:2 - directive 'pprof' has no effect in zonelog"]);
});

test('of several errors the one of the first plugin comes', () => {
  assert.match(String(start('a {\n whoami x\n}\nb {\n bind\n}')), /^plugin\/bind: /);
});

test('the default Corefile loads', () => {
  const [block] = config(defaultCorefile(1053)).serverBlocks;
  assert.equal(block?.keys[0]?.port, 1053);
  assert.deepEqual([...(block?.directives.keys() ?? [])], ['log', 'whoami']);
});

test('the canonical text changes when the meaning does', () => {
  const text = (source: string, world?: World) => config(source, world).canonicalText;
  const plain = text('. {\n cache 30 {\n  success 1\n }\n}');
  assert.equal(text('# c\n. {\n\n cache   "30" {\n  success 1 # d\n }\n}'), plain);
  assert.equal(text('(s) {\n success 1\n}\n. {\n cache {$T} {\n  import s\n }\n}', { env: { T: '30' } }), plain);
  assert.equal(text('import f', { files: { f: '. {\n cache 30 {\n  success 1\n }\n}' } }), plain);
  assert.notEqual(text('. {\n cache 30 {\n  success 2\n }\n}'), plain);
  assert.notEqual(text('. {\n cache 30 success 1\n}'), plain);
  assert.notEqual(text('. {\n cache 30\n}'), text('. {\n cache 30 {\n }\n}'));
});

test('a configuration can be cloned into another thread', () => {
  const whole = config(
    '. {\n acl {\n block type A\n}\n log\n kubernetes a. {\n namespaces b\n }\n forward . 1.1.1.1\n}',
  );
  assert.deepEqual(structuredClone(whole), whole);
});

const README_EXAMPLES = [
  `. {
    errors
    log
    kubernetai cluster.local {
      endpoint http://192.168.99.100
    }
    kubernetai assemblage.local {
      endpoint http://192.168.99.101
    }
    kubernetai conglomeration.local {
      endpoint http://192.168.99.102
    }
}`,
  `. {
    errors
    log
    kubernetai cluster.local {
      ignore empty_service
      fallthrough
    }
    kubernetai cluster.local {
      endpoint https://remote-k8s-cluster
    }
}`,
  `. {
    errors
    log
    kubernetai cluster.local {
      endpoint http://192.168.99.100:8080
      namespaces default
      fallthrough
    }
    kubernetai cluster.local {
      endpoint http://192.168.99.100:8080
    }
}`,
  `.:53 {
    multicluster clusterset.local
}`,
  `.:53 {
    errors
    health
    multicluster clusterset.local
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}`,
  `k8s_gateway.example {
    k8s_gateway example.com {
      resources Ingress
      ttl 30
      apex exdns-1-k8s-gateway.kube-system
      secondary exdns-2-k8s-gateway.kube-system
      kubeconfig /.kube/config
    }
}`,
  `.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
        max_concurrent 1000
    }
    cache 30 {
        disable success cluster.local
        disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
import custom/*.server
`,
];

test('Corefiles of the peers load as they are', () => {
  for (const example of README_EXAMPLES) config(example);
});

test('two blocks for one zone and port are refused', () => {
  const block = 'cluster.local {\n bind 127.0.0.1\n errors\n}\n';
  assert.equal(start(block + block), 'cannot serve dns://cluster.local.:1053 on 127.0.0.1 - it is already defined');
});

const CASES = fileURLToPath(new URL('../conformance/cases/', import.meta.url));

interface Case {
  readonly corefile: string;
  readonly files?: Record<string, string>;
  readonly start?: string;
  /** The first step of a case that may fail to start tells whether the peer did. */
  steps: { expect: { exits?: boolean } }[];
}

test('Corefiles of the conformance cases load, or fail where the peer fails', { skip: !existsSync(CASES) }, () => {
  let ports = 2000;
  const seen = new Map<string, string>();
  const fill = (text: string): string =>
    text.replace(/\{\{(\w+)(?::\w+)?\}\}/g, (name, kind: string) => {
      if (kind === 'api') return 'http://127.0.0.1:8080';
      if (kind !== 'port') return '/some/file';
      if (!seen.has(name)) seen.set(name, name === '{{port}}' ? '1053' : String(ports++));
      return seen.get(name) as string;
    });
  for (const file of readdirSync(CASES)) {
    const entry = JSON.parse(readFileSync(CASES + file, 'utf8')) as Case;
    const files = Object.fromEntries(Object.entries(entry.files ?? {}).map(([name, text]) => [name, fill(text)]));
    const started = start(fill(entry.corefile), { files, env: { KIT_TTL: '23', KIT_ZONE: 'env.local' } });
    const message = typeof started === 'string' ? started : undefined;
    const fails = entry.start === 'fails' && entry.steps[0]?.expect.exits === true;
    assert.equal(message !== undefined, fails, `${file}: ${message ?? 'loaded'}`);
  }
});
