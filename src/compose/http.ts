import type { Config } from '../corefile/config.ts';
export function createHttp(_: object) {
  return {
    configure: async (_c: Config) => {},
    stop: async () => {},
    lameDuck: async (_c: Config) => {},
    countFailedReload() {},
  };
}
