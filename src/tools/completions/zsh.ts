import type { Offer, Word, Words } from './words.ts';

const quoted = (text: string): string => `'${text.replace(/'/g, "'\\''")}'`;

/** In what _arguments reads, brackets and colons part one thing from the next. */
const plain = (text: string): string => text.replace(/[\\[\]:]/g, '\\$&');

const spec = ({ spellings, description, value, values, repeatable }: Offer): string => {
  const action = values === undefined ? '' : values === 'file' ? '_files' : `(${values.join(' ')})`;
  const tail = `[${plain(description)}]${value === undefined ? '' : `:${plain(value)}:${action}`}`;
  const once = repeatable ? '*' : spellings.length > 1 ? `(${spellings.join(' ')})` : '';
  const joined = (spelling: string): string =>
    value !== undefined && spelling.startsWith('--') ? `${spelling}=` : spelling;
  return spellings.map((spelling) => quoted(`${once}${joined(spelling)}${tail}`)).join(' ');
};

const described = (words: readonly Word[]): string =>
  words.map(({ name, summary }) => quoted(`${name}:${summary}`)).join(' ');

const specs = (offers: readonly Offer[], indent: string): string =>
  offers.map((one) => `${indent}${spec(one)}`).join('\n');

export const zshFile = (
  { first, second, flags, globals, aliases, lines }: Words,
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

_mobius() {
  local -a globals flags
  local -A whole
  local command='' skip='' word lines=' ${lines.join(' ')} '
  whole=(${[...aliases].map(([alias, words]) => `${alias} ${quoted(words)}`).join(' ')})
  globals=(
${specs(globals, '    ')}
  )
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $skip ]]; then skip=''
    elif [[ $word == -* ]]; then [[ " ${globals.flatMap(({ spellings, value }) => (value === undefined ? [] : spellings)).join(' ')} " == *" $word "* ]] && skip=1
    elif [[ -z $command ]]; then command=\${whole[$word]-$word}
    elif [[ $command != *' '* && $lines != *" $command "* ]]; then command="$command $word"
    fi
  done
  case $command in
${[...flags].flatMap(([words, offers]) => (offers.length === 0 ? [] : [`    ${quoted(words)}) flags=(\n${specs(offers, '      ')}\n    ) ;;`])).join('\n')}
  esac
  if [[ $lines == *" $command "* ]]; then _arguments -s : $flags $globals '1: :' '(-)*:::command: _normal'
  elif [[ $command == *' '* ]]; then _arguments -s : $flags $globals '*:argument:()'
  else _arguments -s : $flags $globals "*: : _mobius_words '$command'"
  fi
}

if [[ $funcstack[1] == _mobius ]]; then _mobius "$@"; else compdef _mobius mobius; fi
`;
