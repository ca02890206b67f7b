import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLineWriter } from '../../src/line-writer.ts';
import { createLogger, logStyle } from '../../src/logger.ts';
import { createCounters, gaugeFamily, mergeSnapshots, renderMetrics } from '../../src/metrics.ts';
import { countQuery, createTally, type SlotLabels } from '../../src/serve/tally.ts';
import { ask, entryOf, question, ToyZone } from '../kit/serving.ts';

const LABELS: SlotLabels = {
  server: 'dns://:53',
  zone: 'cluster.local.',
  view: '',
  proto: 'udp',
  family: '1',
  type: 1,
  isDnssecOk: false,
  rcode: 0,
  writer: 'kubernetes',
};

test('queries are counted under the names, labels and buckets of the peer', async () => {
  const tally = createTally();
  countQuery(tally.slot(LABELS), 40, 120, 0.0001);
  countQuery(tally.slot({ ...LABELS, isDnssecOk: true, type: 4242 }), 512, 1500, 0.3);
  countQuery(tally.slot({ ...LABELS, proto: 'tcp', rcode: 3 }), 100, 100, 9);
  const text = await renderMetrics(tally.snapshot());
  const has = (line: string) => assert.ok(text.split('\n').includes(line), `${line}\n---\n${text}`);
  const place = 'server="dns://:53",zone="cluster.local.",view=""';
  has(`coredns_dns_requests_total{${place},proto="udp",family="1",type="A"} 1`);
  has(`coredns_dns_requests_total{${place},proto="udp",family="1",type="other"} 1`);
  has(`coredns_dns_do_requests_total{${place}} 1`);
  has(`coredns_dns_responses_total{${place},rcode="NOERROR",plugin="kubernetes"} 2`);
  has(`coredns_dns_responses_total{${place},rcode="NXDOMAIN",plugin="kubernetes"} 1`);
  has(`coredns_dns_request_duration_seconds_bucket{${place},le="0.00025"} 1`);
  has(`coredns_dns_request_duration_seconds_bucket{${place},le="0.512"} 2`);
  has(`coredns_dns_request_duration_seconds_bucket{${place},le="8.192"} 2`);
  has(`coredns_dns_request_duration_seconds_bucket{${place},le="+Inf"} 3`);
  has(`coredns_dns_request_duration_seconds_count{${place}} 3`);
  has(`coredns_dns_request_size_bytes_bucket{${place},proto="udp",le="100"} 1`);
  has(`coredns_dns_request_size_bytes_bucket{${place},proto="udp",le="1023"} 2`);
  has(`coredns_dns_response_size_bytes_sum{${place},proto="udp"} 1620`);
  has('coredns_panics_total 0');
  has('# TYPE coredns_dns_request_duration_seconds histogram');
});

test('clients can not make slots at will', () => {
  const tally = createTally();
  const slots = new Set(Array.from({ length: 5000 }, (_, i) => tally.slot({ ...LABELS, type: 1000 + i })));
  assert.equal(slots.size, 1);
});

test('snapshots of several threads become one: counters add, histograms add, gauges by their rule', () => {
  const of = (queries: number, size: number) => {
    const tally = createTally();
    for (let i = 0; i < queries; i++) countQuery(tally.slot(LABELS), 40, 100, 0.001);
    return [
      ...tally.snapshot(),
      gaugeFamily('zonelog_entries', 'h', [], [[[], size]]),
      gaugeFamily('zonelog_oldest', 'h', ['who'], [[['a'], size]], 'max'),
    ];
  };
  const merged = mergeSnapshots([structuredClone(of(3, 10)), structuredClone(of(4, 7))]);
  const value = (name: string) => merged.find((family) => family.name === name)?.samples[0]?.value;
  assert.equal(value('coredns_dns_requests_total'), 7);
  assert.equal(value('zonelog_entries'), 17);
  assert.equal(value('zonelog_oldest'), 10);
  const durations = value('coredns_dns_request_duration_seconds');
  assert.ok(typeof durations === 'object');
  assert.equal(
    durations.counts.reduce((a, b) => a + b),
    7,
  );
  assert.equal(durations.sum.toFixed(3), '0.007');
  assert.deepEqual(
    merged.map(({ name }) => name),
    merged.map(({ name }) => name).toSorted(),
  );
});

test('kept answers count as those made anew', () => {
  const zone = new ToyZone();
  zone.set('web', '10.0.0.1');
  const { entry, tally } = entryOf({ '.': [zone.handler()] });
  for (let i = 0; i < 5; i++) ask(entry, question('web.toy.test', 'A'));
  assert.equal(zone.asked, 1);
  const requests = tally.snapshot().find(({ name }) => name === 'coredns_dns_requests_total');
  assert.deepEqual(
    requests?.samples.map(({ value }) => value),
    [5],
  );
});

test('label values with quotes and line breaks are escaped', async () => {
  const counters = createCounters('zonelog_x_total', 'Help.', ['a']);
  counters.add(['q"\n\\']);
  counters.add(['q"\n\\'], 2);
  assert.match(await renderMetrics([counters.family()]), /^zonelog_x_total\{a="q\\"\\n\\\\"\} 3$/m);
});

test('a family without samples is still announced, one without labels starts at 0', async () => {
  const text = await renderMetrics([
    createCounters('zonelog_a_total', 'A.', ['l']).family(),
    createCounters('zonelog_b_total', 'B.').family(),
  ]);
  assert.match(text, /^# TYPE zonelog_a_total counter$/m);
  assert.match(text, /^zonelog_b_total 0$/m);
});

test('log lines: level, plugin, one line for one event, debug only when wished', () => {
  const lines: string[] = [];
  let isDebug = false;
  const logger = createLogger((line) => lines.push(line), { isDebug: () => isDebug });
  logger.info('SIGTERM: Shutting down');
  logger.forPlugin('kubernetes').warning('a\r\nb\x7f');
  logger.debug('unseen');
  isDebug = true;
  logger.forPlugin('x').debug('seen');
  assert.deepEqual(lines, [
    '[INFO] SIGTERM: Shutting down\n',
    '[WARNING] plugin/kubernetes: a\\x0d\\x0ab\\x7f\n',
    '[DEBUG] plugin/x: seen\n',
  ]);
});

test('as JSON a log line is an object with time, level, plugin and message', () => {
  const lines: string[] = [];
  const style = logStyle('json', () => 0);
  const logger = createLogger((line) => lines.push(line), { style, isDebug: () => true });
  logger.info('plain');
  logger.forPlugin('x').warning('two\nlines "quoted"');
  logger.debug('d');
  const time = '1970-01-01T00:00:00.000Z';
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      { time, level: 'info', message: 'plain' },
      { time, level: 'warning', plugin: 'x', message: 'two\nlines "quoted"' },
      { time, level: 'debug', message: 'd' },
    ],
  );
  assert.ok(lines.every((line) => line.indexOf('\n') === line.length - 1));
});

test('whoever flushes waits until all lines were taken', async () => {
  const waiting: (() => void)[] = [];
  const lines = createLineWriter((_, done) => waiting.push(done), String);
  await lines.flush();
  lines.write('a\n');
  let isFlushed = false;
  const flushed = lines.flush().then(() => {
    isFlushed = true;
  });
  await Promise.resolve();
  assert.equal(isFlushed, false);
  waiting.shift()?.();
  await flushed;
});

test('lines of one turn go out as one text, in their order', () => {
  const texts: string[] = [];
  const turns: (() => void)[] = [];
  const lines = createLineWriter(
    (text, done) => {
      texts.push(text);
      done();
    },
    String,
    (callback) => turns.push(callback),
  );
  lines.write('a\n');
  lines.write('b\n');
  assert.deepEqual([texts.length, turns.length], [0, 1]);
  turns.shift()?.();
  lines.write('c\n');
  lines.flush();
  turns.shift()?.();
  assert.deepEqual(texts, ['a\nb\n', 'c\n']);
});

test('when nobody takes the lines they are dropped, and that is said when somebody does again', () => {
  const texts: string[] = [];
  const waiting: (() => void)[] = [];
  const lines = createLineWriter(
    (text, done) => {
      texts.push(text);
      waiting.push(done);
    },
    (count) => `${count} lines were dropped\n`,
    () => {},
  );
  const line = `${'x'.repeat(999)}\n`;
  for (let i = 0; i < 10_000; i++) lines.write(line);
  lines.flush();
  for (const done of waiting) done();
  lines.write('again\n');
  lines.flush();
  const all = texts.join('').split('\n');
  const kept = all.filter((text) => text.startsWith('x')).length;
  assert.ok(kept > 4000 && kept <= 4194, String(kept));
  assert.equal(lines.dropped(), 10_000 - kept);
  const said = all.map((text) => Number(/^(\d+) lines were dropped/.exec(text)?.[1] ?? 0));
  assert.equal(
    said.reduce((sum, n) => sum + n),
    lines.dropped(),
  );
  assert.ok(all.includes('again'));
});
