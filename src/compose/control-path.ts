/** The path of a database's control socket. */
export function controlPath(database: string): string {
  return `${database}.sock`;
}
