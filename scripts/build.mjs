/** `npm run build`: the packages and dist/, as far as something is missing. */
import { fail, prepare } from './prepare.mjs';

await prepare().catch(fail);
