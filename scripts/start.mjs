/**
 * `npm start`: prepares this checkout, then becomes bin/zonelog with the same arguments, in the folder in which npm was
 * called. Without arguments and without a Corefile there, that is the demo.
 */
import path from 'node:path';
import { become, fail, prepare, ROOT } from './prepare.mjs';

try {
  await prepare();
} catch (error) {
  fail(error);
}
await become(path.join(ROOT, 'bin', 'zonelog'), process.argv.slice(2), {
  cwd: process.env.INIT_CWD ?? process.cwd(),
  env: { ...process.env, ZONELOG_DEMO: '1' },
});
