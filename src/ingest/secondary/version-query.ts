/** Which version has a primary? Asked by UDP, and by TCP where that gives no good answer (RFC 1034 §4.3.5). */
import { createSocket } from 'node:dgram';
import type { DomainName } from '../../dns/name.ts';
import { RRType } from '../../dns/rrset.ts';
import { fail, ok, type Result } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import type { Primary } from './primary.ts';
import { makeQuestion, type PrimaryVersion, readVersion, type VersionAnswer } from './question.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

export interface VersionQuery {
  readonly apex: DomainName;
  readonly primary: Primary;
  readonly source: string | undefined;
  readonly clock: Clock;
  /** 0 ≤ n < 1; nobody outside may be able to guess it. */
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** Milliseconds for the answer to each datagram. */
const DATAGRAM_TIMES: readonly number[] = [2_000, 3_000];
export const CONNECT_TIME = 10_000;
const ANSWER_TIME = 10_000;
/** Datagrams that are no answer, for one question: somebody is guessing, and TCP is asked. */
const MAX_STRAYS = 64;

/** @returns the reason where the primary can't be asked or gives no sound answer */
export async function askVersion(query: VersionQuery): Promise<Result<PrimaryVersion, string>> {
  if (query.primary.tls === undefined) {
    for (const time of DATAGRAM_TIMES) {
      const answer = await askByDatagram(query, time);
      if (answer === 'no answer') continue;
      // Knot DNS refuses questions for catalogs by UDP, whoever asks.
      if (answer === 'truncated' || !answer.ok) break;
      return answer;
    }
  }
  const { primary, source, clock, signal } = query;
  const session = await openSession(sessionFor({ primary, source, clock, signal }, ANSWER_TIME, 2 * ANSWER_TIME));
  if (!session.ok) return session;
  try {
    return await askOver(session.value, query);
  } finally {
    session.value.close();
  }
}

export function sessionFor(
  { primary, source, clock, signal }: Pick<VersionQuery, 'primary' | 'source' | 'clock' | 'signal'>,
  idleTime: number,
  totalTime: number,
): SessionOptions {
  return { primary, source, after: clock.after, connectTime: CONNECT_TIME, idleTime, totalTime, signal };
}

async function askOver(session: Session, query: VersionQuery): Promise<Result<PrimaryVersion, string>> {
  const { question, asked } = ask(query);
  let answer: VersionAnswer = { kind: 'foreign' };
  const done = await session.ask(asked.message, (message) => {
    answer = readVersion(message, question, asked);
    return 'done';
  });
  return done.ok ? resultOf(answer) : done;
}

function resultOf(answer: VersionAnswer): Result<PrimaryVersion, string> {
  switch (answer.kind) {
    case 'version':
      return ok(answer.version);
    case 'foreign':
      return fail('a message that is no answer to ours');
    case 'truncated':
      return fail('a truncated message over TCP');
    case 'refused':
    case 'forged':
      return fail(answer.reason);
  }
}

function ask({ apex, primary, clock, random }: VersionQuery) {
  const now = () => clock.now() / 1000;
  const question = { id: Math.floor(random() * 65_536), apex, type: RRType.SOA, key: primary.key, now } as const;
  return { question, asked: makeQuestion(question) };
}

function askByDatagram(
  query: VersionQuery,
  time: number,
): Promise<Result<PrimaryVersion, string> | 'truncated' | 'no answer'> {
  const { primary, source, clock, signal } = query;
  const isV6 = primary.address.includes(':');
  const { question, asked } = ask(query);
  return new Promise((resolve) => {
    const socket = createSocket(isV6 ? 'udp6' : 'udp4');
    let strays = 0;
    let isOver = false;
    const end = (answer: Result<PrimaryVersion, string> | 'truncated' | 'no answer') => {
      if (isOver) return;
      isOver = true;
      cancel();
      signal.removeEventListener('abort', stop);
      socket.close();
      resolve(answer);
    };
    const stop = () => end(fail('stopped'));
    const cancel = clock.after(time, () => end('no answer'));
    signal.addEventListener('abort', stop);
    socket.on('error', () => end('no answer'));
    socket.on('message', (message) => {
      const answer = readVersion(message, question, asked);
      if (answer.kind === 'truncated') end('truncated');
      else if (answer.kind === 'version' || answer.kind === 'refused') end(resultOf(answer));
      // The true answer may still come (RFC 8945 §5.3).
      else if (++strays >= MAX_STRAYS) end('truncated');
    });
    const isSameFamily = source?.includes(':') === isV6;
    socket.bind(source !== undefined && isSameFamily ? { port: 0, address: source } : { port: 0 }, () => {
      if (isOver) return;
      // Connected: the system drops what comes from anywhere else.
      socket.connect(primary.port, primary.address, (error?: Error) => {
        if (isOver) return;
        if (error) end('no answer');
        else socket.send(asked.message, () => {});
      });
    });
  });
}
