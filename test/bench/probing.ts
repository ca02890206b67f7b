/** Runs a prober, and its control, while something happens. */
import { once } from 'node:events';
import type { ProbeResult } from './prober.ts';
import { watchOthers } from './proc.ts';
import { kill, startModule } from './processes.ts';

/** `R`: what the work itself tells. */
export interface Probed<R = unknown> {
  readonly server: ProbeResult;
  /** The same against an echo process at the same time: what the machine's own business cost. */
  readonly control: ProbeResult;
  readonly seconds: number;
  readonly result: R;
  /** What the rest of the machine used meanwhile, in processors. */
  readonly others: number;
}

export const RATE = 2_000;
const CONTROL_RATE = 500;

export async function probeWhile<R>(port: number, questionFile: string, work: () => Promise<R>): Promise<Probed<R>> {
  const echo = startModule('echo.ts', []);
  try {
    const [echoPort] = (await once(echo, 'message')) as [number];
    const probers = [
      startModule('prober.ts', [String(port), String(RATE), questionFile]),
      startModule('prober.ts', [String(echoPort), String(CONTROL_RATE), questionFile]),
    ];
    await Promise.all(probers.map((prober) => once(prober, 'message')));
    for (const prober of probers) prober.send('start');
    const others = watchOthers();
    const started = performance.now();
    const result = await work();
    const seconds = (performance.now() - started) / 1000;
    const othersUsed = others();
    const results = await Promise.all(
      probers.map(async (prober) => {
        const probed = once(prober, 'message') as Promise<[ProbeResult]>;
        prober.send('stop');
        return (await probed)[0];
      }),
    );
    const [server, control] = results as [ProbeResult, ProbeResult];
    return { server, control, seconds, result, others: othersUsed };
  } finally {
    kill(echo);
  }
}
