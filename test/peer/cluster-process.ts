/** `node cluster-process.ts PORT FILE`: an API server with a file's objects; a line of JSON on standard input is one more. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import { parseManifests } from '../../src/demo/manifests.ts';

const [port, file = ''] = process.argv.slice(2);
const api = new FixtureApiServer({ port: Number(port), objects: parseManifests(readFileSync(file, 'utf8')).objects });
await api.start();
console.log('listening');
for await (const line of createInterface({ input: process.stdin })) {
  for (const object of parseManifests(line).objects) api.apply(object);
}
await api.stop();
