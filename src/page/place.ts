/** Where the reader is: everything that is shown is in the URL's fragment, so that it can be sent to somebody. */

export interface Place {
  /** `['zone', 'east.local.']` */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

/** @param hash `#/zone/east.local.?at=17` */
export function parsePlace(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

type Query = Readonly<Record<string, string | undefined>>;

/** The URL of a place; what is undefined or empty is left out. */
export function hrefOf(path: readonly string[], query: Query = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const search = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

/** The URL says from now on that this is shown; nothing is loaded anew. */
export function noteInUrl(path: readonly string[], query: Query): void {
  history.replaceState(null, '', hrefOf(path, query));
}
