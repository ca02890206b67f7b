/** The requests in docs/plugins/history.md are sent, and answered as written. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { webApp } from '../kit/web-app.ts';

const PAGE = readFileSync(path.join(import.meta.dirname, '..', '..', 'docs', 'plugins', 'history.md'), 'utf8');

test('docs/plugins/history.md: requests are answered as written', async (t) => {
  const { http } = await webApp(t);
  const examples = [...PAGE.matchAll(/^```request\nGET (.*?)\n```\n+```json\n(.*?)^```$/gms)];
  assert.ok(examples.length >= 2);
  for (const [, url = '', body = ''] of examples) {
    const answer = await http.inject({ url, headers: { host: 'localhost' } });
    assert.deepEqual(answer.json(), JSON.parse(body), url);
  }
});

test('docs/plugins/history.md: names every path of the API', async (t) => {
  const { http } = await webApp(t);
  const { body } = await http.inject({ url: '/api/v1/openapi.json', headers: { host: 'localhost' } });
  const paths = Object.keys(JSON.parse(body).paths);
  const written = [...PAGE.matchAll(/^\| `(\/[^`]*)` \|/gm)].map(([, text = '']) =>
    text.replace(/\/(ZONE|NAME|ADDRESS)\b/, (_, word: string) => `/{${word.toLowerCase()}}`),
  );
  assert.deepEqual(written.map((each) => `/api/v1${each}`).sort(), paths.sort());
});
