import { type Offer, type Values, valuesOf, type Words } from './words.ts';

/** Each spelling, with `=` behind it where a value follows. */
const listed = (offers: readonly Offer[]): string =>
  offers
    .flatMap(({ spellings, value }) => spellings.map((spelling) => spelling + (value === undefined ? '' : '=')))
    .join(' ');

const valueRow = ({ words, spelling, values }: Values): string => {
  const pattern = words === '*' ? `*' ${spelling}'` : `'${words} ${spelling}'`;
  return `    ${pattern}) echo '${values === 'file' ? '/' : values.join(' ')}' ;;`;
};

/** For bash 3.2 and later, without the bash-completion package. */
export const bashFile = (all: Words, mark: string): string => {
  const { first, second, flags, globals, aliases, lines } = all;
  return `# ${mark}
# Completion for bash: source it, or put it into a folder that your bash reads completions from.

_mobius_words() {
  case $1 in
    '') echo '${first.map(({ name }) => name).join(' ')}' ;;
${[...second].map(([noun, verbs]) => `    ${noun}) echo '${verbs.map(({ name }) => name).join(' ')}' ;;`).join('\n')}
  esac
}

# Commands that are followed by another program's line.
_mobius_takes_line() {
  case $1 in
${lines.map((words) => `    '${words}') return 0 ;;`).join('\n')}
  esac
  return 1
}

_mobius_alias() {
  case $1 in
${[...aliases].map(([alias, words]) => `    ${alias}) echo '${words}' ;;`).join('\n')}
    *) echo "$1" ;;
  esac
}

_mobius_globals='${listed(globals)}'

_mobius_flags() {
  case $1 in
${[...flags].flatMap(([words, offers]) => (offers.length === 0 ? [] : [`    '${words}') echo '${listed(offers)}' ;;`])).join('\n')}
  esac
}

# The words that may follow a flag; a slash stands for files.
_mobius_values() {
  case "$1 $2" in
${valuesOf(all).map(valueRow).join('\n')}
  esac
}

# The first word of that line is a program, the others are most likely files.
_mobius_line() {
  local IFS=$'\\n' cur=\${COMP_WORDS[COMP_CWORD]}
  compopt -o filenames 2>/dev/null
  if ((COMP_CWORD == $1)); then COMPREPLY=($(compgen -c -f -- "$cur")); else COMPREPLY=($(compgen -f -- "$cur")); fi
}

_mobius() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' skip='' i word flags values
  # bash takes --flag=value for three words.
  if [[ $cur == '=' ]]; then cur=''; elif [[ $prev == '=' ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == '=' ]]; then skip=1
    elif [[ $skip ]]; then skip=''
    elif [[ $word == -- ]] && _mobius_takes_line "$command"; then ((i++)); _mobius_line "$i"; return
    elif [[ $word == -* ]]; then [[ " $(_mobius_flags "$command") $_mobius_globals " == *" $word= "* ]] && skip=1
    elif _mobius_takes_line "$command"; then _mobius_line "$i"; return
    elif [[ ! $command ]]; then command=$(_mobius_alias "$word")
    elif [[ $command != *' '* && $(_mobius_words "$command") ]]; then command="$command $word"
    fi
  done
  flags=" $(_mobius_flags "$command") $_mobius_globals "
  if [[ $flags == *" $prev= "* ]]; then
    values=$(_mobius_values "$command" "$prev")
    if [[ $values == '/' ]]; then
      local IFS=$'\\n'
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$cur"))
    else
      COMPREPLY=($(compgen -W "$values" -- "$cur"))
    fi
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "\${flags//=/}" -- "$cur"))
  elif _mobius_takes_line "$command"; then _mobius_line "$COMP_CWORD"
  elif [[ $command != *' '* ]]; then
    COMPREPLY=($(compgen -W "$(_mobius_words "$command")" -- "$cur"))
  else
    COMPREPLY=()
  fi
}

complete -F _mobius mobius
`;
};
