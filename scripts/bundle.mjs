/**
 * `node scripts/bundle.mjs FOLDER`: one file for each thread of the server, with all that it imports; what it imports only
 * when that is wanted (`import()`) lies in files of its own, so that no start pays for the packages behind it. Of a CommonJS
 * package such a file has the default export alone: `(await import('undici')).default`.
 *
 * A thread that loads three hundred files takes half as much time again to start. All files lie in FOLDER itself, so
 * that whatever finds a neighbour by its own place (a worker, ../migrations) finds it there too. Types are checked
 * elsewhere (`npm run typecheck`).
 */
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './prepare.mjs';

/** Native, or with files and threads of their own: these stay in node_modules. */
const EXTERNAL = ['better-sqlite3', 'fastify', '@fastify/*', 'pino', '@kubernetes/client-node'];

/**
 * To an ES module Node.js gives a builtin with all of its exports read, whatever is imported. Of `node:http` one is
 * WebSocket, for which all of undici is loaded: 45 ms and some megabytes in each thread. As CommonJS it stays unread.
 */
const unreadExports = {
  name: 'unread-exports',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http$/ }, ({ kind, path: name }) =>
      kind === 'require-call' ? undefined : { path: name, namespace: 'unread' },
    );
    onLoad({ filter: /./, namespace: 'unread' }, ({ path: name }) => ({
      contents: `module.exports = require('${name}')`,
    }));
  },
};

const [outdir] = process.argv.slice(2);
const sources = fs.readdirSync(path.join(ROOT, 'src'), { recursive: true });
const entries = sources.filter((name) => name === 'main.ts' || /-(?:thread|worker)\.ts$/.test(name));

for (const name of entries)
  await build({
    absWorkingDir: ROOT,
    entryPoints: [path.join('src', name)],
    entryNames: '[name]',
    chunkNames: `${path.basename(name, '.ts')}-[hash]`,
    splitting: true,
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: EXTERNAL,
    plugins: [unreadExports],
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
    // What CommonJS packages in the bundle require from Node.js.
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  });

// The page of `history`: one script, one style sheet, and what needs no building.
const page = path.join('src', 'page');
await build({
  absWorkingDir: ROOT,
  entryPoints: [path.join(page, 'main.ts'), path.join(page, 'page.css')],
  outdir: path.join(outdir, 'page'),
  bundle: true,
  platform: 'browser',
  format: 'esm',
  target: ['chrome120', 'firefox121', 'safari17.2'],
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
});
for (const name of ['index.html', 'icon.svg'])
  fs.copyFileSync(path.join(ROOT, page, name), path.join(outdir, 'page', name));
