/** Asks a server single questions over UDP. */
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeQuestion, type Message, type QuestionType, readMessage } from './message.ts';
import { isRight, type Question } from './questions.ts';

export interface Asker {
  /** Undefined when no answer comes in time. */
  ask(name: string, type: QuestionType, timeoutMs?: number): Promise<Message | undefined>;
  isRight(question: Question, timeoutMs?: number): Promise<boolean>;
  /** When (`performance.now`) all answers were right; rejects after the deadline, or when this can't become so. */
  waitUntilRight(questions: readonly Question[], deadlineMs: number, isPossible: () => boolean): Promise<number>;
  close(): void;
}

const POLL_MS = 2;

export async function openAsker(port: number): Promise<Asker> {
  const socket = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const waiting = new Map<number, (message: Message | undefined) => void>();
  let nextId = 0;
  socket.on('message', (packet) => {
    const message = readMessage(packet);
    if (message) waiting.get(message.id)?.(message);
  });

  const asker: Asker = {
    ask(name, type, timeoutMs = 500) {
      nextId = (nextId + 1) & 0xffff;
      const id = nextId;
      return new Promise((resolve) => {
        const settle = (message: Message | undefined) => {
          clearTimeout(timer);
          waiting.delete(id);
          resolve(message);
        };
        const timer = setTimeout(settle, timeoutMs, undefined);
        waiting.set(id, settle);
        socket.send(encodeQuestion(name, type, id), port, '127.0.0.1');
      });
    },
    async isRight(question, timeoutMs) {
      const answer = await asker.ask(question.name, question.type, timeoutMs);
      return answer !== undefined && isRight(question, answer);
    },
    async waitUntilRight(questions, deadlineMs, isPossible) {
      const deadline = performance.now() + deadlineMs;
      // Those that were right are asked once more at the end, all together: one moment at which everything is there.
      for (const question of [...questions, ...questions]) {
        while (!(await asker.isRight(question, 20))) {
          if (performance.now() > deadline || !isPossible()) {
            throw new Error(`no right answer to ${question.name} ${question.type}`);
          }
          await sleep(POLL_MS);
        }
      }
      return performance.now();
    },
    close: () => socket.close(),
  };
  return asker;
}
