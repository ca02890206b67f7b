/**
 * What every command of this project needs before it can start: the packages of the lockfile, a Node.js that is new
 * enough, and a build that is as new as the sources. Each step is done only when something is missing, so a second run
 * costs a few milliseconds.
 *
 * Runs on any Node.js from 20 on, without packages: there may be none yet.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const MODULES = path.join(ROOT, 'node_modules');
const DIST = path.join(ROOT, 'dist');
const STAMP = path.join(DIST, '.stamp');
/** The binary itself; node_modules/.bin/node is a link to it. */
const OWN_NODE = path.join(MODULES, 'node', 'bin', 'node');
const NODE_MAJOR = 24;

/** Something the caller should read and can mend; printed without a stack. */
export class PrepareError extends Error {}

/** Prints one line of progress, on stderr: stdout belongs to the command that is run. */
export function say(line) {
  process.stderr.write(`zonelog: ${line}\n`);
}

/**
 * Installs, finds Node.js and builds, as far as that is needed.
 * @param {{build?: boolean}} [options] `build: false` leaves dist/ alone.
 * @returns {Promise<{node: string}>} the path of a Node.js of version 24 or later.
 */
export async function prepare({ build = true } = {}) {
  const isReady = () => areModulesInstalled() && findNode() !== undefined && (!build || isBuilt());
  if (isReady()) return { node: findNode() };
  const release = await lock();
  try {
    if (!areModulesInstalled()) install();
    const node = findNode() ?? installNode();
    if (build && !isBuilt()) compile(node);
    return { node };
  } finally {
    release();
  }
}

/**
 * Runs a command of this project and ends this process as the command ended; signals are passed on.
 * @param {string} command
 * @param {readonly string[]} args
 */
export async function become(command, args, options = {}) {
  const { spawn } = await import('node:child_process');
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  // A terminal sends its signals to the whole group, the child included; this process only has to outlive it. Signals
  // sent to this process alone go on to the child.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    say(`can't run ${command}: ${error.message}`);
    process.exit(127);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** Prints a PrepareError as one line; anything else is a bug and keeps its stack. */
export function fail(error) {
  if (!(error instanceof PrepareError)) throw error;
  say(error.message);
  process.exit(1);
}

/**
 * Is every package of package-lock.json in node_modules, in its version? npm keeps a list of what it installed there,
 * so nothing is written by us, and an `npm install` by hand counts too.
 */
function areModulesInstalled() {
  const wanted = readJson(path.join(ROOT, 'package-lock.json'))?.packages;
  const have = readJson(path.join(MODULES, '.package-lock.json'))?.packages;
  if (!wanted || !have) return false;
  return Object.entries(wanted).every(
    ([place, entry]) => place === '' || entry.optional || have[place]?.version === entry.version,
  );
}

function install() {
  say('installing packages (npm ci), about half a minute the first time …');
  const done = npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (!done.isOk) throw new PrepareError(`npm ci failed:\n${done.output}`);
  if (!areModulesInstalled()) throw new PrepareError('npm ci ran, but packages of package-lock.json are missing');
}

/** This process's own Node.js if it is new enough, else the one in node_modules; undefined when neither is. */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath;
  return fs.existsSync(OWN_NODE) ? OWN_NODE : undefined;
}

/**
 * The `node` package gets its binary by an install script, which npm may have been told not to run. Then the binary's
 * own package, which has no script, is installed beside it and linked to the same place.
 */
function installNode() {
  const version = readJson(path.join(MODULES, 'node', 'package.json'))?.version;
  if (version === undefined) throw new PrepareError('the package "node" is missing: run npm ci without --omit=dev');
  say(`this is Node.js ${process.versions.node}; getting ${version} (npm rebuild node) …`);
  npm(['rebuild', 'node', '--ignore-scripts=false', '--foreground-scripts', '--loglevel=error']);
  if (runs(OWN_NODE)) return OWN_NODE;
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  const name = `${prefix}-${process.platform}-${process.arch}`;
  say(`npm would not run the install script of "node"; installing ${name}@${version} instead …`);
  const place = path.join(MODULES, '.zonelog-node');
  fs.mkdirSync(place, { recursive: true });
  const spec = `${name}@${version}`;
  const done = npm(['install', '--prefix', place, '--no-save', '--no-package-lock', '--ignore-scripts', spec]);
  const binary = path.join(place, 'node_modules', name, 'bin', 'node');
  if (!runs(binary)) {
    const why = done.isOk ? 'its binary does not run here' : done.output;
    throw new PrepareError(`no Node.js ${NODE_MAJOR}: put one on the PATH, or install ${spec}: ${why}`);
  }
  fs.mkdirSync(path.dirname(OWN_NODE), { recursive: true });
  fs.rmSync(OWN_NODE, { force: true });
  fs.linkSync(binary, OWN_NODE);
  const link = path.join(MODULES, '.bin', 'node');
  fs.rmSync(link, { force: true });
  fs.symlinkSync(path.join('..', 'node', 'bin', 'node'), link);
  return OWN_NODE;
}

function runs(binary) {
  return fs.existsSync(binary) && spawnSync(binary, ['-e', '0']).status === 0;
}

/** Does dist/ come from the sources as they are? Names, sizes and times are compared, so a deleted source counts too. */
function isBuilt() {
  return fs.existsSync(path.join(DIST, 'main.js')) && readText(STAMP) === fingerprint();
}

/** Bundles into a folder of its own and then swaps it in: whoever starts meanwhile finds the old build or the new one. */
function compile(node) {
  say('compiling …');
  const stamp = fingerprint();
  // Names of this process's own: the lock does not reach into other network namespaces, where containers build.
  const fresh = `${DIST}.new.${process.pid}`;
  const old = `${DIST}.old.${process.pid}`;
  fs.rmSync(fresh, { recursive: true, force: true });
  const done = run(node, [path.join(ROOT, 'scripts', 'bundle.mjs'), fresh]);
  if (!done.isOk) {
    fs.rmSync(fresh, { recursive: true, force: true });
    throw new PrepareError(`the sources can't be bundled:\n${done.output}`);
  }
  fs.writeFileSync(path.join(fresh, '.stamp'), stamp);
  if (fs.existsSync(DIST)) fs.renameSync(DIST, old);
  fs.renameSync(fresh, DIST);
  fs.rmSync(old, { recursive: true, force: true });
}

function fingerprint() {
  const hash = createHash('sha256');
  const inputs = ['package-lock.json', 'tsconfig.json', path.join('scripts', 'bundle.mjs')];
  const sources = fs
    .readdirSync(path.join(ROOT, 'src'), { recursive: true })
    .filter((name) => /\.(?:ts|html|css|svg)$/.test(name));
  for (const name of [...inputs, ...sources.map((source) => path.join('src', source))].sort()) {
    const { size, mtimeMs } = fs.statSync(path.join(ROOT, name));
    hash.update(`${name} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * One preparation at a time for each checkout. The lock is a bound abstract Unix socket: the kernel takes it back
 * when its owner ends, however that happens. Systems other than Linux have none, and go without.
 * @returns {Promise<() => void>} gives the lock back
 */
async function lock() {
  if (process.platform !== 'linux') return () => undefined;
  const name = `\0zonelog-prepare-${createHash('sha256').update(ROOT).digest('hex').slice(0, 32)}`;
  for (let tries = 0; ; tries++) {
    const server = await bind(name);
    if (server) return () => server.close();
    if (tries === 0) say('another command is preparing this checkout; waiting for it …');
    if (tries > 3000) throw new PrepareError('gave up waiting for the other command');
    await sleep(200);
  }
}

/** The server that holds the name, or undefined when somebody else has it. */
function bind(name) {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.on('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(name, () => resolve(server));
  });
}

function npm(args) {
  return run('npm', args);
}

/** Runs a command in the project's folder; `output` is all that it printed. */
function run(command, args) {
  const done = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (done.error) throw new PrepareError(`can't run ${command}: ${done.error.message}`);
  return { isOk: done.status === 0, output: `${done.stdout}${done.stderr}`.trim() };
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function readJson(file) {
  const text = readText(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
