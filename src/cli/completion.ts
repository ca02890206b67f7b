/** `zonelog completion`: scripts with which shells complete commands, options and their values. */
import { Argument, type Command } from 'commander';
import type { CliContext } from './context.ts';

interface Word {
  readonly word: string;
  readonly help: string;
}

interface Flag extends Word {
  /** `-o` of `-o, --output`. */
  readonly short?: string;
  readonly value?: 'file' | 'text' | readonly string[];
}

interface CommandWords extends Word {
  readonly flags: readonly Flag[];
  /** Of the first argument. */
  readonly choices: readonly string[];
}

const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
type Shell = keyof typeof SHELLS;

export function addCompletion(program: Command, context: CliContext): void {
  program
    .command('completion')
    .description('print what a shell needs to complete these commands')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(Object.keys(SHELLS)))
    .addHelpText('after', '\nExample: eval "$(zonelog completion bash)"')
    .action((shell: Shell) => {
      context.stdout.write(SHELLS[shell](wordsOf(program)));
    });
}

function wordsOf(program: Command): CommandWords[] {
  return program.commands.map((command) => ({
    word: command.name(),
    help: command.description(),
    flags: command.options.map((option) => ({
      word: option.long ?? option.flags,
      help: option.description,
      ...(option.short !== undefined && { short: option.short }),
      ...(option.required && { value: option.argChoices ?? (option.flags.includes('<file>') ? 'file' : 'text') }),
    })),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  }));
}

function bashScript(commands: readonly CommandWords[]): string {
  const values = commands.flatMap(({ word, flags }) =>
    flags.flatMap((flag) => {
      if (flag.value === undefined) return [];
      const patterns = [flag.word, ...(flag.short === undefined ? [] : [flag.short])].map(
        (name) => `'${word} ${name}'`,
      );
      const reply =
        flag.value === 'file' ? '-f' : typeof flag.value === 'string' ? "-W ''" : `-W '${flag.value.join(' ')}'`;
      return [`    ${patterns.join('|')}) COMPREPLY=($(compgen ${reply} -- "$cur")); return ;;`];
    }),
  );
  const words = commands.map(
    ({ word, flags, choices }) =>
      `    '${word}') COMPREPLY=($(compgen -W '${[...choices, ...flags.map((flag) => flag.word)].join(' ')}' -- "$cur")) ;;`,
  );
  return `_zonelog() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map(({ word }) => word).join(' ')}' -- "$cur"))
    return
  fi
  case "$command $prev" in
${values.join('\n')}
  esac
  case "$command" in
${words.join('\n')}
  esac
}
complete -F _zonelog zonelog
`;
}

function zshScript(commands: readonly CommandWords[]): string {
  const described = commands.map(({ word, help }) => `    '${word}:${zshText(help)}'`);
  const cases = commands.map(({ word, flags, choices }) => {
    const specs = flags.flatMap((flag) => {
      const value =
        flag.value === undefined
          ? ''
          : flag.value === 'file'
            ? ':file:_files'
            : typeof flag.value === 'string'
              ? ':value:'
              : `:value:(${flag.value.join(' ')})`;
      const names = [flag.word, ...(flag.short === undefined ? [] : [flag.short])];
      return names.map((name) => `'${name}[${zshText(flag.help)}]${value}'`);
    });
    const first = choices.length > 0 ? [`'1:value:(${choices.join(' ')})'`] : [];
    return `    ${word}) _arguments ${[...specs, ...first].join(' ')} ;;`;
  });
  return `#compdef zonelog
_zonelog() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _zonelog zonelog
`;
}

/** Inside single quotes, and without what \`_arguments\` reads as its own. */
function zshText(text: string): string {
  return text.replaceAll("'", "'\\''").replace(/[[\]:]/g, '\\$&');
}

function fishScript(commands: readonly CommandWords[]): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = ['complete -c zonelog -f'];
  for (const { word, help, flags, choices } of commands) {
    lines.push(`complete -c zonelog -n __fish_use_subcommand -a ${word} -d ${quoted(help)}`);
    const seen = `-n '__fish_seen_subcommand_from ${word}'`;
    for (const flag of flags) {
      const short = flag.short === undefined ? '' : ` -s ${flag.short.slice(1)}`;
      const value =
        flag.value === undefined
          ? ''
          : flag.value === 'file'
            ? ' -r -F'
            : typeof flag.value === 'string'
              ? ' -x'
              : ` -x -a ${quoted(flag.value.join(' '))}`;
      lines.push(`complete -c zonelog ${seen}${short} -l ${flag.word.slice(2)}${value} -d ${quoted(flag.help)}`);
    }
    if (choices.length > 0) lines.push(`complete -c zonelog ${seen} -a ${quoted(choices.join(' '))}`);
  }
  return `${lines.join('\n')}\n`;
}
