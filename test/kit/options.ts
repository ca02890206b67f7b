/** The options of directives as a Corefile writes them. */
import { type BlockOptions, loadConfig } from '../../src/corefile/config.ts';

/** @param body what stands between the braces of the block `. { … }` */
export function optionsOf(body: string): BlockOptions {
  const config = loadConfig(`. {\n${body}\n}\n`, {
    file: 'Corefile',
    env: () => undefined,
    readFile: () => {
      throw new Error('no files');
    },
    listDir: () => [],
    warn: () => {},
  });
  if (!config.ok) throw new Error(config.error.message);
  const [block] = config.value.serverBlocks;
  if (!block) throw new Error('no block');
  return block.options;
}
