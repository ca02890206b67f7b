/** The search list of a file like resolv.conf. */
import { type DomainName, parseName } from '../../dns/name.ts';

/** The last `search` or `domain` line counts. */
export function searchListOf(text: string): DomainName[] {
  let list: DomainName[] = [];
  for (const line of text.split('\n')) {
    const [word, ...names] = line
      .replace(/^\s*[#;].*/, '')
      .split(/\s+/)
      .filter((part) => part !== '');
    if (word !== 'search' && word !== 'domain') continue;
    list = names.flatMap((name) => {
      const suffix = parseName(name);
      return suffix === undefined || suffix === '.' ? [] : [suffix];
    });
  }
  return list;
}
