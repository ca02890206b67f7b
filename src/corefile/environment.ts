/** Looks up a variable of the environment; undefined when it is not set. */
export type Environment = (name: string) => string | undefined;

/** A value that names itself, or a heap of values that name each other twice, must not take the server down. */
const MAX_ROUNDS = 1000;
const MAX_LENGTH = 1 << 20;

/**
 * Replaces `{%NAME%}` and then `{$NAME}` by the value of the variable (nothing when unset), until none is left.
 * It happens after the text was split into tokens: a value with blanks stays one token. `{$}` stays as it is.
 */
export function replaceEnvironment(text: string, env: Environment): string {
  if (!text.includes('{')) return text;
  return replaceReferences(replaceReferences(text, '{%', '%}', env), '{$', '}', env);
}

function replaceReferences(text: string, open: string, close: string, env: Environment): string {
  let out = text;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const start = out.indexOf(open);
    if (start < 0) return out;
    const end = out.indexOf(close, start + open.length);
    if (end < 0 || end === start + open.length) return out;
    const reference = out.slice(start, end + close.length);
    const value = env(out.slice(start + open.length, end)) ?? '';
    const parts = out.split(reference);
    if (out.length + parts.length * value.length > MAX_LENGTH) return out;
    out = parts.join(value);
  }
  return out;
}
