/** Questions to one server over HTTPS (RFC 8484), HTTP/2 where the server takes it. */
import type { Pool } from 'undici';
import { fail, ok } from '../../errors.ts';
import type { Exchange, ExchangeResult, ExchangeTools } from './exchange.ts';
import type { TlsSettings } from './stream-exchange.ts';

const MEDIA_TYPE = 'application/dns-message';
/** Where a URL names no path. */
const DEFAULT_PATH = '/dns-query';
const MAX_REPLY = 65_535;
const HEADER = 12;
/** Connections to one server; over HTTP/2 one carries many questions. */
const MAX_CONNECTIONS = 8;
/** Questions in work to one server. */
const MAX_WAITING = 512;

export interface DohOptions {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly tls: TlsSettings;
  readonly expireMs: number;
}

export class DohExchange implements Exchange {
  readonly proto = 'https';
  readonly #options: DohOptions;
  readonly #tools: ExchangeTools;
  #pool: Promise<Pool> | undefined;
  #waiting = 0;
  #isClosed = false;

  constructor(options: DohOptions, tools: ExchangeTools) {
    this.#options = options;
    this.#tools = tools;
  }

  async ask(query: Buffer, timeoutMs: number): Promise<ExchangeResult> {
    if (this.#waiting >= MAX_WAITING) return fail('too many questions are waiting');
    this.#tools.counts.countSocket('https', this.#pool !== undefined);
    this.#pool ??= this.#open();
    const abort = new AbortController();
    const cancel = this.#tools.timer(() => abort.abort(), Math.max(1, timeoutMs));
    this.#waiting += 1;
    try {
      return await this.#post(await this.#pool, query, abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return fail(`${this.#options.url.origin}: i/o timeout`);
      return fail(`${this.#options.url.origin}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      cancel();
      this.#waiting -= 1;
      if (this.#isClosed && this.#waiting === 0) this.#destroy();
    }
  }

  close(): void {
    this.#isClosed = true;
    if (this.#waiting === 0) this.#destroy();
  }

  #destroy(): void {
    this.#pool?.then((pool) => pool.destroy()).catch(() => {});
    this.#pool = undefined;
  }

  async #open(): Promise<Pool> {
    // Only who forwards to HTTPS needs it.
    const { Pool } = (await import('undici')).default;
    const { url, tls, expireMs } = this.#options;
    const { serverName, ca, cert, key } = tls;
    return new Pool(url.origin, {
      allowH2: true,
      connections: MAX_CONNECTIONS,
      keepAliveTimeout: Math.max(1, expireMs),
      maxResponseSize: MAX_REPLY,
      connect: {
        ...(serverName !== undefined && { servername: serverName }),
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
      },
    });
  }

  async #post(pool: Pool, query: Buffer, signal: AbortSignal): Promise<ExchangeResult> {
    const { url, method, tls } = this.#options;
    const message = Buffer.from(query);
    // RFC 8484 §4.1: 0, so that equal questions are equal.
    message.writeUInt16BE(0, 0);
    const path = `${url.pathname === '/' ? DEFAULT_PATH : url.pathname}${url.search}`;
    const isGet = method === 'GET';
    const reply = await pool.request({
      method,
      path: isGet ? `${path}${url.search === '' ? '?' : '&'}dns=${message.toString('base64url')}` : path,
      headers: {
        accept: MEDIA_TYPE,
        ...(tls.serverName !== undefined && { host: tls.serverName }),
        ...(!isGet && { 'content-type': MEDIA_TYPE }),
      },
      body: isGet ? null : message,
      signal,
    });
    const type = reply.headers['content-type'];
    if (reply.statusCode !== 200 || type !== MEDIA_TYPE) {
      await reply.body.dump();
      const what = reply.statusCode === 200 ? `content type ${String(type)}` : `status ${reply.statusCode}`;
      return fail(`${url.origin}: unexpected ${what}`);
    }
    const octets = Buffer.from(await reply.body.arrayBuffer());
    const isReply = octets.length >= HEADER && octets.readUInt16BE(0) === 0 && ((octets[2] as number) & 0x80) !== 0;
    if (isReply && octets.length <= MAX_REPLY) return ok(octets);
    this.#tools.counts.countStray();
    return fail(`${url.origin}: no DNS message`);
  }
}
