/** The files of the page, read once and kept whole: they are small, and no request ever names a path of the disk. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
  /** Changes with the content. */
  readonly etag: string;
}

/** By the path of the URL: `/`, `/page.css` … */
export type PageFiles = ReadonlyMap<string, PageFile>;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Reads the page of the build.
 * @returns no files where there is no such folder: then there is the API alone
 */
export function readPageFiles(folder: string): PageFiles {
  const files = new Map<string, PageFile>();
  for (const name of namesIn(folder)) {
    const type = TYPES[path.extname(name)];
    if (type === undefined) continue;
    const body = readFileSync(path.join(folder, name));
    const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
    const url = name === 'index.html' ? '/' : `/${name}`;
    files.set(url, { type, body, gzipped: gzipSync(body, { level: 9 }), etag: `"${hash}"` });
  }
  return files;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
