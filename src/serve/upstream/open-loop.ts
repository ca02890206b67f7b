/** The `loop` of a server block, asking the server by UDP as a client would. */
import { Flag, MessageEncoder } from '../../dns/encode.ts';
import type { DomainName } from '../../dns/name.ts';
import { Rcode, RRClass, RRType } from '../../dns/rrset.ts';
import type { HandlerTools, ServingBlock } from '../blocks.ts';
import type { Handler } from '../chain.ts';
import { createLoop } from '../plugins/loop.ts';
import { systemTimer } from '../timer.ts';
import { UdpExchange } from './udp-exchange.ts';

const REPLY_MS = 2000;
const MAX_QUESTION = 512;

export function openLoop(
  block: ServingBlock,
  { logger, now, random, endProcess }: Pick<HandlerTools, 'logger' | 'now' | 'random' | 'endProcess'>,
): Handler | undefined {
  const key = block.keys.find(({ transport }) => transport === 'dns');
  if (key === undefined) return undefined;
  const address = block.addresses[0] ?? '127.0.0.1';
  const counts = { countSocket() {}, countStray() {} };
  const tools = { random, now, timer: systemTimer, counts };
  const { port } = key;
  const options = { address, port, sourceAddress: undefined, expireMs: 1000, maxAgeMs: undefined, maxIdle: 1 };
  const exchange = new UdpExchange(options, tools);
  const encoder = new MessageEncoder();
  const loop = createLoop(
    { zone: key.zone, address: block.addresses[0] ?? '', port },
    {
      random,
      timer: systemTimer,
      ask: async (name) => (await exchange.ask(encodeHinfo(encoder, name), REPLY_MS)).ok,
      onLoop(line) {
        if (endProcess) endProcess(`plugin/loop: ${line}`);
        else logger.fatal(line);
      },
    },
  );
  return {
    ...loop,
    close() {
      loop.close?.();
      exchange.close();
    },
  };
}

function encodeHinfo(encoder: MessageEncoder, name: DomainName): Buffer {
  const question = { name, spelling: name, type: RRType.HINFO, class: RRClass.IN };
  encoder.begin(0, Flag.RD, Rcode.NOERROR, question, MAX_QUESTION);
  return encoder.finish().message;
}
