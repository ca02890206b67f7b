/** A server block with `k8s_gateway` at work over objects. */
import assert from 'node:assert/strict';
import { loadConfig } from '../../src/corefile/config.ts';
import type { ObjectKind } from '../../src/ingest/event.ts';
import type { HandlerFactory } from '../../src/serve/blocks.ts';
import { emptyReply, type Reply } from '../../src/serve/chain.ts';
import { AROUND } from './corefile.ts';
import { type ClusterObjects, type CorefileBlocks, runBlocks } from './corefile-blocks.ts';

export interface GatewayRun {
  /** Default: `example.com`. */
  readonly zones?: string;
  /** Default: `all`. */
  readonly resources?: string;
  /** Other options of the stanza, a line each. */
  readonly options?: string;
  /** What follows the stanza in the block. */
  readonly others?: string;
  /** In place of the objects: of several clusters. */
  readonly clusters?: readonly ClusterObjects[];
  readonly unlisted?: readonly ObjectKind[];
  /** What the last plugin, `whoami`, replies; by itself REFUSED. */
  readonly behind?: Partial<Reply>;
}

export function runGateway(objects: readonly { readonly kind: string }[], given: GatewayRun = {}): CorefileBlocks {
  const { options = '', resources = 'all', zones = 'example.com', others = '', unlisted = [], behind } = given;
  const text = `. {
    k8s_gateway ${zones} {
      resources ${resources}
      ${options}
    }
    ${others}
    whoami
  }`;
  const config = loadConfig(text, AROUND);
  assert.ok(config.ok, config.ok ? '' : config.error.message);
  const transfer: HandlerFactory = () => ({ name: 'transfer', handle: (request, next) => next(request) });
  const whoami: HandlerFactory = () => ({ name: 'whoami', handle: () => ({ ...emptyReply(5), ...behind }) });
  return runBlocks(
    config.value,
    given.clusters ?? [{ objects, unlisted }],
    new Map([
      ['whoami', whoami],
      ['transfer', transfer],
    ]),
  );
}

/** @param wanted `NAME TYPE` (A if none is given) and what is answered, as `data` of the blocks has it */
export async function checkGateway(
  objects: readonly { readonly kind: string }[],
  wanted: Readonly<Record<string, string>>,
  given: GatewayRun = {},
): Promise<void> {
  const served = runGateway(objects, given);
  for (const [question, expected] of Object.entries(wanted)) {
    const [name = '', type = 'A'] = question.split(' ');
    assert.equal(await served.data(name, type), expected, question);
  }
}
