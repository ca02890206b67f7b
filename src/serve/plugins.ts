/** The plugins that need nothing but their options. */
import type { HandlerFactory } from './blocks.ts';
import type { Handler } from './chain.ts';
import { createFindLabel } from './labels.ts';
import { createAcl } from './plugins/acl.ts';
import { createAny } from './plugins/any.ts';
import { openAuto } from './plugins/auto.ts';
import { openAutopath } from './plugins/autopath.ts';
import { createBufsize } from './plugins/bufsize.ts';
import { openCache } from './plugins/cache/open-cache.ts';
import { createCancel } from './plugins/cancel.ts';
import { createChaos } from './plugins/chaos.ts';
import { createDns64 } from './plugins/dns64.ts';
import { createErratic } from './plugins/erratic.ts';
import { createErrors } from './plugins/errors.ts';
import { openFile } from './plugins/file.ts';
import { createHeader } from './plugins/header.ts';
import { openHosts } from './plugins/hosts.ts';
import { openLoadbalance } from './plugins/loadbalance.ts';
import { createLocal } from './plugins/local.ts';
import { createLog } from './plugins/log.ts';
import { createMinimal } from './plugins/minimal.ts';
import { createNsid } from './plugins/nsid.ts';
import { createRewrite } from './plugins/rewrite/rewrite.ts';
import { createRrl } from './plugins/rrl.ts';
import { createTemplate } from './plugins/template.ts';
import { createView } from './plugins/view.ts';
import { createWhoami } from './plugins/whoami.ts';
import { systemTimer } from './timer.ts';
import { openForward } from './upstream/open-forward.ts';
import { openLoop } from './upstream/open-loop.ts';

/** Sees every query of its block and changes none: what it asks for is done elsewhere. */
function passing(name: string): Handler {
  return { name, isPure: true, handle: (request, next) => next(request) };
}

/** By the name of the directive. `kubernetes` and its like, and `transfer`, are for the composition root to add. */
export const PLUGINS: ReadonlyMap<string, HandlerFactory> = new Map<string, HandlerFactory>([
  ['prometheus', () => passing('prometheus')],
  ['metadata', () => passing('metadata')],
  ['cancel', ({ options }) => createCancel(options.cancel?.timeoutMs ?? 5001, systemTimer)],
  ['nsid', ({ options }, { hostName }) => createNsid(options.nsid?.data ?? hostName)],
  ['bufsize', ({ options }) => createBufsize(options.bufsize ?? 1232)],
  [
    'errors',
    ({ options }, { logger }) => createErrors(options.errors ?? { stacktrace: false, consolidate: [] }, logger),
  ],
  ['log', (block, tools) => createLog(block.options.log ?? [], tools.writeQuery, createFindLabel(block, tools))],
  ['rrl', ({ options }, { now }) => (options.rrl ? createRrl(options.rrl, now) : undefined)],
  ['local', ({ options }) => createLocal(options.local ?? { localhostPrefix: true })],
  ['dns64', ({ options }, { askServer }) => (options.dns64 ? createDns64(options.dns64, askServer) : undefined)],
  ['any', () => createAny()],
  ['chaos', ({ options }, own) => createChaos(options.chaos ?? { version: undefined, authors: undefined }, own)],
  ['loadbalance', (block, tools) => openLoadbalance(block, tools)],
  [
    'rewrite',
    (block, tools) =>
      createRewrite(block.options.rewrite ?? [], {
        askServer: tools.askServer,
        findLabel: createFindLabel(block, tools),
      }),
  ],
  ['autopath', openAutopath],
  ['acl', ({ options }) => createAcl(options.acl ?? [], options.view?.name ?? '')],
  ['cache', openCache],
  ['header', ({ options }) => createHeader(options.header ?? [])],
  ['minimal', () => createMinimal()],
  [
    'template',
    (block, tools) =>
      createTemplate(block.options.template ?? [], {
        askServer: tools.askServer,
        findLabel: createFindLabel(block, tools),
        view: block.options.view?.name ?? '',
      }),
  ],
  ['hosts', (block, tools) => openHosts(block, tools)],
  ['file', (block, tools) => openFile(block, tools)],
  ['auto', (block, tools) => openAuto(block, tools)],
  ['loop', openLoop],
  ['forward', openForward],
  ['erratic', ({ options }) => (options.erratic ? createErratic(options.erratic, systemTimer) : undefined)],
  ['whoami', () => createWhoami()],
  [
    'view',
    (block, tools) => (block.options.view ? createView(block.options.view, createFindLabel(block, tools)) : undefined),
  ],
]);
