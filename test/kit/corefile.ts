/** What Corefiles mean that have nothing around them: no file, no environment. */
import assert from 'node:assert/strict';
import { type BlockOptions, type Config, loadConfig } from '../../src/corefile/config.ts';
import type { Surroundings } from '../../src/corefile/parser.ts';

export const AROUND: Surroundings = {
  file: 'Corefile',
  env: () => undefined,
  readFile: () => '',
  listDir: () => [],
  warn: () => {},
};

/** What the whole text means. */
export function configOf(text: string, around: Partial<Surroundings> = {}): Config {
  const loaded = loadConfig(text, { ...AROUND, ...around });
  assert.ok(loaded.ok, loaded.ok ? '' : `${loaded.error.message}\n${text}`);
  return loaded.value;
}

/** The options of a block with this between its braces. */
export function optionsOf(body: string, zone = '.'): BlockOptions {
  return configOf(inBlock(body, zone)).serverBlocks[0]?.options ?? {};
}

/** What is wrong with such a block. */
export function faultOf(body: string, zone = '.'): string {
  const loaded = loadConfig(inBlock(body, zone), AROUND);
  assert.ok(!loaded.ok, `accepted: ${body}`);
  return loaded.error.message;
}

function inBlock(body: string, zone: string): string {
  return `${zone} {\n${body}\n}\n`;
}
