import { type Choices, type Offer, type Operand, targetFlags, type Word, type Words } from './words.ts';

const quoted = (text: string): string => `'${text.replace(/'/g, "'\\''")}'`;

/** In what _arguments reads, brackets and colons part one thing from the next. */
const plain = (text: string): string => text.replace(/[\\[\]:]/g, '\\$&');

/** Several ways to complete one value, or nothing. */
const action = (values: Choices = []): string => {
  const words = values.filter((value) => !/^[/:]/.test(value));
  const ways = [
    ...(words.length > 0
      ? [words.length === values.length ? `(${words.join(' ')})` : `compadd -- ${words.join(' ')}`]
      : []),
    ...values.flatMap((value) =>
      value === '/' ? ['_files'] : value.startsWith(':') ? [`_mobius_names ${value.slice(1)}`] : [],
    ),
  ];
  return ways.length < 2 ? ways.join('') : `{ ${ways.join('; ')} }`;
};

const spec = ({ spellings, description, value, values, repeatable }: Offer): string => {
  const tail = `[${plain(description)}]${value === undefined ? '' : `:${plain(value)}:${action(values)}`}`;
  const once = repeatable ? '*' : spellings.length > 1 ? `(${spellings.join(' ')})` : '';
  const joined = (spelling: string): string =>
    value !== undefined && spelling.startsWith('--') ? `${spelling}=` : spelling;
  return spellings.map((spelling) => quoted(`${once}${joined(spelling)}${tail}`)).join(' ');
};

const described = (words: readonly Word[]): string =>
  words.map(({ name, summary }) => quoted(`${name}:${summary}`)).join(' ');

const specs = (offers: readonly Offer[], indent: string): string =>
  offers.map((one) => `${indent}${spec(one)}`).join('\n');

/** The arguments as _arguments numbers them; of those there are none, nothing is offered. */
const operandSpecs = (operands: readonly Operand[], rest: Operand | undefined): string =>
  [
    ...operands.map(({ label, values }, index) => quoted(`${index + 1}:${plain(label)}:${action(values) || '()'}`)),
    quoted(`*:${plain(rest?.label ?? 'argument')}:${action(rest?.values) || '()'}`),
  ].join(' ');

export const zshFile = (
  { first, second, flags, operands, rest, globals, aliases, lines }: Words,
  mark: string,
): string => `#compdef mobius
# ${mark}
# Completion for zsh: put it, named _mobius, into a folder of your $fpath.

_mobius_words() {
  local -a words
  case $1 in
    '') words=(${described(first)}) ;;
${[...second].map(([noun, verbs]) => `    ${noun}) words=(${described(verbs)}) ;;`).join('\n')}
  esac
  _describe command words
}

# The names of what there is: mobius tells those of the vault on this machine, where it opens by itself. Before the kind
# may stand what _arguments wants compadd to be told.
_mobius_names() {
  local -a names
  names=("\${(@f)$(command mobius vault names \${@[-1]} $where -- "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  names=(\${names:#})
  (( $#names )) && compadd "\${(@)argv[1,-2]}" -- $names
}

# Which vault the line is about; what only the shell itself can read is the name of none.
_mobius_where() {
  local flag=$1 text=$2
  [[ ' ${targetFlags.join(' ')} ' == *" $flag "* ]] || return
  [[ $text == '~/'* ]] && text=$HOME\${text[2,-1]}
  where+=("$flag=\${(Q)text}")
}

_mobius() {
  local -a globals flags operands where
  local -A whole
  local -i at=1 index=1
  local command='' skip='' word lines=' ${lines.join(' ')} ' seconds='  ${[...second.keys()].join(' ')} '
  whole=(${[...aliases].map(([alias, words]) => `${alias} ${quoted(words)}`).join(' ')})
  globals=(
${specs(globals, '    ')}
  )
  for word in "\${(@)words[2,CURRENT-1]}"; do
    (( index++ ))
    if [[ -n $skip ]]; then _mobius_where $skip $word; skip=''
    elif [[ $word == -- ]]; then break
    elif [[ $word == --*=* ]]; then _mobius_where "\${word%%=*}" "\${word#*=}"
    elif [[ $word == -* ]]; then [[ " ${globals.flatMap(({ spellings, value }) => (value === undefined ? [] : spellings)).join(' ')} " == *" $word "* ]] && skip=$word
    elif [[ -z $command ]]; then command=\${whole[$word]-$word} at=index
    elif [[ $command != *' '* && $seconds == *" $command "* ]]; then command="$command $word" at=index
    fi
  done
  operands=('*:argument:()')
  case $command in
${[...flags].flatMap(([words, offers]) => (offers.length === 0 ? [] : [`    ${quoted(words)}) flags=(\n${specs(offers, '      ')}\n    ) ;;`])).join('\n')}
  esac
  case $command in
${[...flags.keys()].map((words) => `    ${quoted(words)}) operands=(${operandSpecs(operands.get(words) ?? [], rest.get(words))}) ;;`).join('\n')}
  esac
  if [[ $command != *' '* && $seconds == *" $command "* ]]; then
    _arguments -s -S : $globals "*: : _mobius_words '$command'"
    return
  fi
  # What follows the words of the command is counted from there on.
  words=(mobius "\${(@)words[at+1,-1]}")
  (( CURRENT -= at - 1 ))
  if [[ $lines == *" $command "* ]]; then _arguments -s -S : $flags $globals '(-)*:::command: _normal'
  else _arguments -s -S : $flags $globals $operands
  fi
}

if [[ $funcstack[1] == _mobius ]]; then _mobius "$@"; else compdef _mobius mobius; fi
`;
