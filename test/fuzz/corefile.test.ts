import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkListeners, loadConfig } from '../../src/corefile/config.ts';
import { DIRECTIVES } from '../../src/corefile/directives.ts';

/** Every directive and many of their options, so that a mutation lands in every option parser. */
const SEED = String.raw`
(common) {
    errors {
        consolidate 5m ".* i/o timeout$" warning show_first
    }
    log . "{combined}" {
        class denial error
    }
}
cluster.local, 10.96.0.0/15,
tls://example.org:8853 {
    bind 127.0.0.1 ::1
    import common
    health :8080 {
        lameduck 5s
    }
    ready
    prometheus :9153
    reload 30s 15s
    kubernetes cluster.local clusterset.local in-addr.arpa {
        endpoint http://localhost:8080 {$KIT_EMPTY}
        tls a b c
        labels environment in (production, qa),application=nginx
        namespaces a b
        pods verified
        ttl 30
        fallthrough in-addr.arpa ip6.arpa
        multicluster clusterset.local
        startup_timeout 1s
        nameservers ns.example 192.0.2.1
        guard 30%
    }
    kubernetai x.local {
        ignore empty_service
    }
    multicluster clusterset.local {
        kubeconfig f c
        noendpoints
    }
    k8s_gateway example.org {
        resources Ingress Service
        serviceLabelSelectors "app in (a,b),!c"
        nodeAddressType ExternalIP
    }
    transfer {
        to * 10.0.0.0/8 192.0.2.1:54 key k.example
        source 192.0.2.9
    }
    cache 30 {
        success 1000 7
        prefetch 10 1m 20%
        serve_stale 1h verify
        disable denial cluster.local
    }
    forward . 127.0.0.1:53 tls://192.0.2.1%dns.example /etc/resolv.conf {
        health_check 2s no_rec domain x.
        next NXDOMAIN
    }
    rewrite stop name regex (.*)[.]rx {1}.apps answer name (.*)[.]apps {1}.rx
    rewrite ttl exact a.example 30-60
    rewrite edns0 subnet set 24 56
    template IN A example.net {
        match "^ip-(?P<a>[0-9]+)[.]example[.]net[.]$"
        answer "{{ .Name }} 60 IN A 192.0.2.1"
        fallthrough
    }
    hosts {
        192.0.2.1 a.example b.example
        ttl 60
    }
    acl {
        block type A net 127.0.0.2/32
        filter type * net *
    }
    file db.net example.net
    secondary {
        transfer from 192.0.2.1
    }
    auto {
        directory zones db\.(.*) {1}
    }
    tsig {
        secret k.example NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=
        require AXFR
    }
    header {
        response set ra
    }
    timeouts {
        read 10s
    }
    loadbalance round_robin {
        prefer 10.0.0.0/8
    }
    dns64 64:ff9b::/96
    view v {
        expr name() == 'x'
    }
    k8s_external ext.example {
        apex ns9
    }
    autopath @kubernetes
    multisocket 4
    bufsize 1232
    erratic {
        delay 3 50ms
    }
}
import part*.conf
`;

const FILES = new Map([
  ['part.conf', '. {\n import inner\n}\n'],
  ['inner', 'whoami\n'],
]);

/**
 * Reads a text as the server does. What comes out is a value, soon.
 * @returns what is wrong with the text.
 */
function read(text: string): string | undefined {
  // Of the processor: how long the machine stands still meanwhile does not count.
  const begin = process.cpuUsage();
  const loaded = loadConfig(text, {
    file: 'Corefile',
    env: (name) => (name === 'LOOP' ? '{$LOOP}' : undefined),
    readFile: (path) => {
      if (path === 'Corefile') return text;
      const found = FILES.get(path);
      if (found === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return found;
    },
    listDir: () => [...FILES.keys()],
    warn: (warning) => assert.equal(typeof warning, 'string'),
  });
  if (loaded.ok) {
    structuredClone(loaded.value);
    const blocks = loaded.value.serverBlocks.map(({ keys }) => ({ keys, bind: [], isFiltered: false }));
    assert.equal(typeof checkListeners(blocks, 53).ok, 'boolean');
  } else {
    assert.match(
      loaded.error.message,
      /^(plugin\/\w+: )?\S*:\d+ - (Error during parsing|Syntax error): |^error inspecting/s,
    );
  }
  const { user, system } = process.cpuUsage(begin);
  const took = (user + system) / 1000;
  assert.ok(took < 5000, `took ${took} ms`);
  return loaded.ok ? undefined : loaded.error.message;
}

const WORDS = [
  ...DIRECTIVES,
  ...['{', '}', '"', '\\"', '\n', ' ', '\r', '#', ',', '(x)', '(', ')', 'import', 'import common', '\ufeff', '\u0000'],
  ...[
    '{$LOOP}',
    '{$',
    '{%',
    '%}',
    '{$A',
    '*',
    '?',
    '[',
    '/',
    '..',
    '-1',
    '0',
    '99999999999999999999',
    '1e9',
    'NaN',
    '%',
  ],
  ...[
    '10.0.0.0/9',
    '2001:db8::/33',
    '::/0',
    ':',
    'a.'.repeat(200),
    '__proto__',
    'constructor',
    '=',
    '!',
    '!=',
    'in (',
    'key',
  ],
  ...[
    '1h',
    '-5s',
    '9999999h',
    '*',
    '@',
    'tls://',
    'https://',
    'regex',
    '(',
    '[',
    '(?',
    '\\',
    'é',
    '\ud800',
    'answer',
    'auto',
  ],
];

const edit = fc.record({
  at: fc.nat(10_000),
  remove: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(600)),
  insert: fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'binary', maxLength: 6 })),
});

test('the Corefile that is damaged below is whole', () => {
  assert.equal(read(SEED), undefined);
});

test('a damaged Corefile is a configuration or an error, never an exception', () => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 4 }), (edits) => {
      let text = SEED;
      for (const { at, remove, insert } of edits) {
        const start = at % (text.length + 1);
        text = text.slice(0, start) + insert + text.slice(start + remove);
      }
      read(text);
    }),
    { numRuns: 1500 },
  );
});

test('a line of a Corefile exchanged for any words', () => {
  const lines = SEED.split('\n');
  fc.assert(
    fc.property(fc.nat(lines.length - 1), fc.array(fc.constantFrom(...WORDS), { maxLength: 4 }), (at, words) => {
      const kept = (lines[at] ?? '').trim().split(' ')[0] ?? '';
      read(lines.with(at, [kept, ...words].join(' ')).join('\n'));
    }),
    { numRuns: 1500 },
  );
});

test('words in any order', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...WORDS)), fc.constantFrom(' ', '\n', ''), (words, space) => {
      read(words.join(space));
    }),
    { numRuns: 1500 },
  );
});

test('each option with any arguments', () => {
  const lines = SEED.split('\n');
  const heads = lines.flatMap((line) => /^ {8}(\w+)/.exec(line)?.[1] ?? []);
  const argument = fc
    .oneof(fc.constantFrom(...WORDS), fc.string(), fc.integer().map(String))
    .map((text) => `"${text.replaceAll('"', '').replaceAll('\\', '')}"`);
  const directive = fc.constantFrom(...DIRECTIVES);
  fc.assert(
    fc.property(
      directive,
      fc.array(argument, { maxLength: 3 }),
      fc.constantFrom(...heads),
      fc.array(argument),
      (d, a, o, v) => {
        read(`example.org {\n ${d} ${a.join(' ')} {\n  ${o} ${v.join(' ')}\n }\n}`);
      },
    ),
    { numRuns: 3000 },
  );
});
