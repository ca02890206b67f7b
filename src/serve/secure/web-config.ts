/**
 * The file that `prometheus { tls FILE }` names: the web configuration of Prometheus' exporters, in YAML. What it asks for and
 * is not to be had is refused: it would else be left out in silence.
 */
import path from 'node:path';
import { load } from 'js-yaml';
import type { TlsOptions } from '../../corefile/config.ts';
import { OperatorError } from '../../errors.ts';
import { readFileNow } from '../watched-file.ts';
import { type Certificate, loadCertificate } from './certificate.ts';

/** How `/metrics` is served by HTTPS. */
export interface WebConfig {
  readonly certificate: Certificate;
  /** Nothing older than TLS 1.3. */
  readonly isOnlyTls13: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const CLIENT_AUTH: ReadonlyMap<string, TlsOptions['clientAuth']> = new Map<string, TlsOptions['clientAuth']>([
  ['', 'nocert'],
  ['NoClientCert', 'nocert'],
  ['RequestClientCert', 'request'],
  ['RequireAnyClientCert', 'require'],
  ['RequireClientCert', 'require'],
  ['VerifyClientCertIfGiven', 'verify_if_given'],
  ['RequireAndVerifyClientCert', 'require_and_verify'],
]);

const SECTIONS: ReadonlySet<string> = new Set(['tls_server_config', 'http_server_config']);
const FIELDS: ReadonlySet<string> = new Set([
  'cert_file',
  'key_file',
  'client_ca_file',
  'client_auth_type',
  'min_version',
  'max_version',
  'prefer_server_cipher_suites',
]);

/**
 * Files in it are relative to its own folder.
 * @returns undefined when it has no certificate: then it is plain HTTP
 * @throws OperatorError when it can't be read, or asks for what is not to be had
 */
export function readWebConfig(file: string): WebConfig | undefined {
  const read = readFileNow(path.resolve(file));
  if (!read.ok) throw new OperatorError(`plugin/prometheus: ${read.error}`);
  const whole = fieldsOf(parseYaml(read.value.text, file), file);
  checkNames(whole, SECTIONS, file);
  // HTTP/2 is offered by the peer, and not asked for by anybody who has HTTP/1.1.
  checkNames(fieldsOf(whole.http_server_config, file), new Set(['http2']), file);
  const tls = fieldsOf(whole.tls_server_config, file);
  checkNames(tls, FIELDS, file);
  const text = (name: string) => textOf(tls, name, file);
  const [cert, key, ca, auth] = [text('cert_file'), text('key_file'), text('client_ca_file'), text('client_auth_type')];
  if (cert === '' && key === '' && ca === '' && auth === '') return undefined;
  if (cert === '') throw fault(file, 'missing one of cert or cert_file');
  if (key === '') throw fault(file, 'missing one of key or key_file');
  const clientAuth = CLIENT_AUTH.get(auth);
  if (clientAuth === undefined) throw fault(file, `invalid ClientAuth: ${auth}`);
  if (ca !== '' && clientAuth === 'nocert') {
    throw fault(file, "client CA's have been configured without a Client Auth Policy");
  }
  const [least, most] = [text('min_version'), text('max_version')];
  if (!['', 'TLS12', 'TLS13'].includes(least)) throw fault(file, `min_version ${least} is not supported by zonelog`);
  if (!['', 'TLS13'].includes(most)) throw fault(file, `max_version ${most} is not supported by zonelog`);
  const options = { cert, key, ca: ca === '' ? undefined : ca, clientAuth, keylog: undefined };
  return {
    certificate: loadCertificate(options, path.dirname(path.resolve(file)), 'prometheus'),
    isOnlyTls13: least === 'TLS13',
  };
}

function parseYaml(text: string, file: string): unknown {
  try {
    return load(text);
  } catch (error) {
    throw fault(file, error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
}

function fieldsOf(value: unknown, file: string): Fields {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw fault(file, 'no mapping where one belongs');
  return { ...value };
}

function textOf(fields: Fields, name: string, file: string): string {
  const value = fields[name] ?? '';
  if (typeof value !== 'string') throw fault(file, `${name} is no string`);
  return value;
}

function checkNames(fields: Fields, known: ReadonlySet<string>, file: string): void {
  const other = Object.keys(fields).find((name) => !known.has(name));
  if (other !== undefined) throw fault(file, `'${other}' is not supported by zonelog`);
}

function fault(file: string, why: string): OperatorError {
  return new OperatorError(`plugin/prometheus: ${file}: ${why}`);
}
