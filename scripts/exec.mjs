/** `node scripts/exec.mjs FILE ARG…`: runs a file of this project, TypeScript too, on the project's Node.js. */
import path from 'node:path';
import { become, fail, prepare, ROOT } from './prepare.mjs';

const [file, ...args] = process.argv.slice(2);
try {
  const { node } = await prepare({ build: false });
  const PATH = `${path.dirname(node)}${path.delimiter}${process.env.PATH ?? ''}`;
  await become(node, [file, ...args], { cwd: ROOT, env: { ...process.env, PATH } });
} catch (error) {
  fail(error);
}
