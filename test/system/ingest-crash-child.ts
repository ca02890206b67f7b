/** Follows a cluster into a file and ends itself without a word at a named point of a numbered commit. */
import { openDatabase } from '../../src/database.ts';
import { Following, sourceOf } from './ingest-kit.ts';

const [, , file = '', url = '', point = '', at = '0'] = process.argv;
let commits = 0;
const database = openDatabase(file);
new Following({
  database,
  sources: [sourceOf({ url })],
  logOptions: {
    crashPoint(name) {
      if (name === point && ++commits === Number(at)) process.kill(process.pid, 'SIGKILL');
    },
  },
});
