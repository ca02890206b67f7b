/** How rules of `rewrite` find names, and what they make of them. */
import type { NameMatch } from '../../../corefile/config.ts';
import type { DomainName } from '../../../dns/name.ts';
import { compileMatcher, fillGroups } from '../../match-pattern.ts';

/** @returns undefined when the name does not match, else a function that puts another text in the place of what did */
export type FindName = (name: DomainName) => ((to: string) => string) | undefined;

/** @throws OperatorError for a pattern that is not supported */
export function compileNameMatch(match: NameMatch): FindName {
  switch (match.kind) {
    case 'exact':
      return (name) => (name === match.text ? (to) => to : undefined);
    case 'prefix':
      return (name) => (name.startsWith(match.text) ? (to) => to + name.slice(match.text.length) : undefined);
    case 'suffix':
      return (name) =>
        name.endsWith(match.text) ? (to) => name.slice(0, name.length - match.text.length) + to : undefined;
    case 'substring':
      return (name) => (name.includes(match.text) ? (to) => name.replaceAll(match.text, () => to) : undefined);
    case 'regex': {
      const matcher = compileMatcher(match.pattern);
      return (name) => {
        const found = matcher.find(name);
        return found && ((to) => fillGroups(to, found));
      };
    }
  }
}
