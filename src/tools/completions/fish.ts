import { type Offer, type Values, valuesOf, type Word, type Words } from './words.ts';

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

const row = (name: string, description: string): string => quoted(`${name}\t${description}`);

const wordRows = (words: readonly Word[]): string => words.map(({ name, summary }) => row(name, summary)).join(' ');

/** Each spelling, with `=` behind it where a value follows. */
const flagRows = (offers: readonly Offer[], indent: string): string =>
  offers
    .map(({ spellings, value, description }) =>
      spellings.map((spelling) => row(spelling + (value === undefined ? '' : '='), description)).join(' '),
    )
    .map((rows) => `${indent}${rows}`)
    .join(' \\\n');

const valueRow = ({ words, spelling, values }: Values): string =>
  `        case ${quoted(`${words} ${spelling}`)}\n            printf '%s\\n' ${values === 'file' ? '/' : values.join(' ')}`;

export const fishFile = (all: Words, mark: string): string => {
  const { first, second, flags, globals, aliases, lines } = all;
  return `# ${mark}
# Completion for fish: put it into ~/.config/fish/completions.

function __mobius_words
    switch "$argv"
        case ''
            printf '%s\\n' ${wordRows(first)}
${[...second].map(([noun, verbs]) => `        case ${noun}\n            printf '%s\\n' ${wordRows(verbs)}`).join('\n')}
    end
end

function __mobius_alias
    switch $argv[1]
${[...aliases].map(([alias, words]) => `        case ${alias}\n            echo ${quoted(words)}`).join('\n')}
        case '*'
            echo $argv[1]
    end
end

function __mobius_flags
    switch "$argv"
${[...flags].flatMap(([words, offers]) => (offers.length === 0 ? [] : [`        case ${quoted(words)}\n            printf '%s\\n' \\\n${flagRows(offers, '                ')}`])).join('\n')}
    end
end

function __mobius_globals
    printf '%s\\n' \\
${flagRows(globals, '        ')}
end

# The words that may follow a flag; a slash stands for files.
function __mobius_values
    switch "$argv"
${valuesOf(all).map(valueRow).join('\n')}
    end
end

function __mobius_command
    set -l command ''
    set -l skip ''
    set -l globals (__mobius_globals | string replace -r '\\t.*' '')
    set -l lines ${lines.map(quoted).join(' ')}
    for word in (commandline -opc)[2..-1]
        if test -n "$skip"
            set skip ''
        else if contains -- "$command" $lines
            if not string match -q -- '-*' $word; or test "$word" = --
                echo /
                return
            end
            contains -- "$word=" $globals (__mobius_flags $command | string replace -r '\\t.*' ''); and set skip 1
        else if string match -q -- '-*' $word
            contains -- "$word=" $globals; and set skip 1
        else if test -z "$command"
            set command (__mobius_alias $word)
        else if not string match -q '* *' $command; and test -n "$(__mobius_words $command)"
            set command "$command $word"
        end
    end
    echo $command
end

# A slash stands for files: those of another program's line, or a flag's.
# What is to be completed: nothing or the values of a flag after a flag that takes one, else flags, else words.
function __mobius_offers
    set -l command (__mobius_command)
    set -l flags (__mobius_flags $command) (__mobius_globals)
    set -l names (string replace -r '\\t.*' '' -- $flags)
    set -l last (commandline -opc)[-1]
    set -l current (commandline -ct)
    if test "$command" = /
        echo /
    else if contains -- "$last=" $names
        __mobius_values $command $last
    else if string match -q -- '--*=*' $current
        set -l flag (string replace -r '=.*' '' -- $current)
        string replace -r -- '^' "$flag=" (__mobius_values $command $flag)
    else if string match -q -- '-*' $current
        string replace -r '=?\\t' '\\t' -- $flags
    else if contains -- "$command" ${lines.map(quoted).join(' ')}
        echo /
    else if not string match -q '* *' $command
        __mobius_words $command
    end
end

function __mobius_wants_file
    string match -q -r '(^|=)/$' -- (__mobius_offers)
end

complete -c mobius -e
complete -c mobius -n __mobius_wants_file -F
complete -c mobius -n 'not __mobius_wants_file' -f -a '(__mobius_offers)'
`;
};
