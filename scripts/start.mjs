/**
 * `npm start`: prepares this checkout, then becomes bin/zonelog with the same arguments, in the folder in which npm was
 * called. Without arguments and without a Corefile there, that is the demo.
 */
import fs from 'node:fs';
import path from 'node:path';
import { become, fail, prepare, ROOT } from './prepare.mjs';

try {
  await prepare();
} catch (error) {
  fail(error);
}
const args = process.argv.slice(2);
const cwd = process.env.INIT_CWD ?? process.cwd();
const isDemo = args.length === 0 && !fs.existsSync(path.join(cwd, 'Corefile'));
await become(path.join(ROOT, 'bin', 'zonelog'), isDemo ? ['demo'] : args, { cwd });
