/** Asks a running server through its control socket. */
import { request } from 'node:http';
import { OperatorError } from '../errors.ts';
import { controlPath } from './control-path.ts';

/** Milliseconds in which most answers come. */
const TIMEOUT = 30_000;

/**
 * @param timeout milliseconds until it is given up
 * @throws OperatorError when no server answers there
 */
export function askServer(
  database: string,
  method: 'GET' | 'POST',
  path: string,
  timeout: number = TIMEOUT,
): Promise<unknown> {
  const socketPath = controlPath(database);
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new OperatorError(`no server answers at ${socketPath}: ${why}`));
    const asked = request({ socketPath, method, path, timeout }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        body += chunk;
      });
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(JSON.parse(body));
        else fail(`${answer.statusCode} ${body}`);
      });
    });
    asked.on('error', (error) => fail(error.message));
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.end();
  });
}
