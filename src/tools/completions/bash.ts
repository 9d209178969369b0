import { type Offer, targetFlags, type Values, valuesOf, type Words } from './words.ts';

/** Each spelling, with `=` behind it where a value follows. */
const listed = (offers: readonly Offer[]): string =>
  offers
    .flatMap(({ spellings, value }) => spellings.map((spelling) => spelling + (value === undefined ? '' : '=')))
    .join(' ');

const valueRow = ({ words, spelling, values }: Values): string => {
  const pattern = words === '*' ? `*' ${spelling}'` : `'${words} ${spelling}'`;
  return `    ${pattern}) echo '${values.join(' ')}' ;;`;
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

_mobius_targets=' ${targetFlags.join(' ')} '
_mobius_globals='${listed(globals)}'

_mobius_flags() {
  case $1 in
${[...flags].flatMap(([words, offers]) => (offers.length === 0 ? [] : [`    '${words}') echo '${listed(offers)}' ;;`])).join('\n')}
  esac
}

# What may follow a flag, or be the argument of that number: words, a slash for files, and behind a colon what is to be
# named.
_mobius_values() {
  case "$1 $2" in
${valuesOf(all).map(valueRow).join('\n')}
  esac
}

# A word without its quotes, in plain; plain is empty where only the shell itself could tell. quote holds what is open,
# and from where readline's own word begins.
_mobius_unquote() {
  local word=$1 i char escaped=''
  plain='' quote='' from=0
  [[ $word == '~/'* ]] && word=$HOME\${word:1}
  for ((i = 0; i < \${#word}; i++)); do
    char=\${word:i:1}
    if [[ $escaped ]]; then
      [[ $quote == '"' && $char != ['$\`"\\'] ]] && plain+='\\'
      plain+=$char escaped=''
    elif [[ $quote == "'" ]]; then
      if [[ $char == "'" ]]; then quote=''; else plain+=$char; fi
    elif [[ $char == '\\' ]]; then escaped=1
    elif [[ $char == '$' || $char == '\`' ]]; then plain='' quote='' from=-1; return
    elif [[ $quote ]]; then
      if [[ $char == '"' ]]; then quote=''; else plain+=$char; fi
    elif [[ $char == "'" || $char == '"' ]]; then quote=$char from=\${#plain}
    else
      # Of these readline leaves the @ to its word.
      [[ $char == @ && $COMP_WORDBREAKS == *@* ]] && from=\${#plain}
      plain+=$char
      [[ $char != @ && $COMP_WORDBREAKS == *"$char"* ]] && from=\${#plain}
    fi
  done
}

# The line as words, each with its quotes: bash takes --flag=value and a:b for three.
_mobius_split() {
  local left=\${COMP_LINE:0:COMP_POINT} i word gap
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    gap=\${left%%[![:space:]]*}
    left=\${left:\${#gap}}
    ((i < COMP_CWORD)) || word=$left
    left=\${left:\${#word}}
    if ((i == 0)) || [[ $gap ]] || ((\${#words[@]} == 0)); then words+=("$word"); else words[\${#words[@]} - 1]+=$word; fi
  done
}

# Readline's own names of files, which it quotes; where a shell has no way to ask for them, plain ones.
_mobius_files() {
  compopt -o default 2>/dev/null && return
  local name
  _mobius_unquote "$cur"
  while IFS= read -r name; do COMPREPLY+=("$name"); done <<<"$(compgen -f -- "\${plain:from}")"
  [[ \${COMPREPLY[*]} ]] || COMPREPLY=()
}

# Of the lines of $1 those that go on as the word began, quoted like it.
_mobius_offer() {
  local name
  while IFS= read -r name; do
    [[ $name && $name == "$plain"* ]] || continue
    name=\${name:from}
    case $quote in
      "'") [[ $name == *"'"* ]] && continue ;;
      '"') [[ $name == *['"$\`\\!']* ]] && continue ;;
      *) printf -v name %q "$name" ;;
    esac
    COMPREPLY+=("$name")
  done <<<"$1"
}

# The names of what there is: mobius tells those of the vault on this machine, where it opens by itself.
_mobius_names() {
  [[ $unknown ]] && return
  _mobius_offer "$(command mobius vault names "$1" \${where[@]+"\${where[@]}"} -- "$plain" 2>/dev/null </dev/null)"
}

# Which vault the line is about; what only the shell itself can read leaves that open.
_mobius_where() {
  _mobius_unquote "$1"
  where+=("\${2-}$plain")
  ((from >= 0)) || unknown=1
}

_mobius_offer_values() {
  local value values
  read -ra values <<<"$(_mobius_values "$1" "$2")"
  for value in \${values[@]+"\${values[@]}"}; do
    case $value in
      /) _mobius_files ;;
      :*) _mobius_names "\${value#:}" ;;
      *) _mobius_offer "$value" ;;
    esac
  done
}

# Where the word of ours with that number begins: among bash's own words, and on the line.
_mobius_find() {
  local ours=-1 left=\${COMP_LINE:0:COMP_POINT} i gap
  offset=0
  for ((i = 0; i <= COMP_CWORD; i++)); do
    gap=\${left%%[![:space:]]*}
    left=\${left:\${#gap}}
    ((offset += \${#gap}))
    if ((i == 0)) || [[ $gap ]]; then ((ours++)); fi
    start=$i
    if ((ours == $1)); then return; fi
    left=\${left:\${#COMP_WORDS[i]}}
    ((offset += \${#COMP_WORDS[i]}))
  done
}

# Another program's line, which begins with the word of that number: the program, then what it completes by itself.
_mobius_line() {
  local start offset spec name
  if (($1 >= \${#words[@]} - 1)); then
    while IFS= read -r name; do COMPREPLY+=("$name"); done <<<"$(compgen -c -- "$cur")"
    [[ $cur != */* && \${COMPREPLY[*]} ]] || { COMPREPLY=() && _mobius_files; }
    return
  fi
  _mobius_find "$1"
  if declare -F _command_offset >/dev/null; then _command_offset "$start"; return; fi
  spec=$(complete -p -- "\${COMP_WORDS[start]}" 2>/dev/null)
  if [[ $spec == *' -F '* ]]; then
    spec=\${spec#*' -F '}
    COMP_WORDS=("\${COMP_WORDS[@]:start}")
    ((COMP_CWORD -= start))
    COMP_LINE=\${COMP_LINE:offset}
    ((COMP_POINT -= offset))
    "\${spec%% *}" "\${COMP_WORDS[0]}" "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
  else
    _mobius_files
  fi
}

_mobius() {
  local words cur command='' skip='' operands=0 ended='' i word flags plain quote from where=() unknown=''
  local IFS=$' \\t\\n'
  COMPREPLY=()
  _mobius_split
  cur=\${words[\${#words[@]} - 1]}
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    word=\${words[i]}
    if [[ $skip ]]; then
      [[ $_mobius_targets == *" $skip "* ]] && _mobius_where "$word" "$skip="
      skip=''
    elif [[ $ended ]]; then ((operands++))
    elif [[ $word == -- ]]; then
      if _mobius_takes_line "$command"; then _mobius_line $((i + 1)); return; fi
      ended=1
    elif [[ $word == --*=* ]]; then [[ $_mobius_targets == *" \${word%%=*} "* ]] && _mobius_where "$word"
    elif [[ $word == -* ]]; then [[ " $(_mobius_flags "$command") $_mobius_globals " == *" $word= "* ]] && skip=$word
    elif _mobius_takes_line "$command"; then _mobius_line "$i"; return
    elif [[ ! $command ]]; then command=$(_mobius_alias "$word")
    elif [[ $command != *' '* && $(_mobius_words "$command") ]]; then command="$command $word"
    else ((operands++))
    fi
  done
  flags=" $(_mobius_flags "$command") $_mobius_globals "
  _mobius_unquote "$cur"
  ((from >= 0)) || { _mobius_files; return; }
  if [[ $skip ]]; then _mobius_offer_values "$command" "$skip"
  elif [[ ! $ended && $cur == --*=* ]]; then
    word=\${cur%%=*}
    plain=\${plain#*=}
    ((from -= \${#word} + 1))
    # A shell that does not part words at = puts the whole word in.
    local joined=''
    ((from >= 0)) || { joined=$word=; from=0; }
    _mobius_offer_values "$command" "$word"
    if [[ $joined ]]; then for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=$joined\${COMPREPLY[i]}; done; fi
  elif [[ ! $ended && $cur == -* ]]; then
    for word in \${flags//=/}; do [[ $word == "$plain"* ]] && COMPREPLY+=("$word"); done
  elif _mobius_takes_line "$command"; then _mobius_line "\${#words[@]}"
  elif [[ $command != *' '* && $(_mobius_words "$command") ]]; then
    for word in $(_mobius_words "$command"); do [[ $word == "$plain"* ]] && COMPREPLY+=("$word"); done
  else
    word=$((operands + 1))
    [[ $(_mobius_values "$command" "$word") ]] || word=+
    _mobius_offer_values "$command" "$word"
  fi
}

complete -F _mobius mobius
`;
};
