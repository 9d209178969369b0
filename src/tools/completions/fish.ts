import { type Offer, targetFlags, type Values, valuesOf, type Word, type Words } from './words.ts';

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
  `        case ${quoted(`${words} ${spelling}`)}\n            printf '%s\\n' ${values.join(' ')}`;

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

# What may follow a flag, or be the argument of that number: words, a slash for files, and behind a colon what is to be
# named.
function __mobius_values
    switch "$argv"
${valuesOf(all).map(valueRow).join('\n')}
    end
end

# The line so far: the command, the flag that waits for its value, how many arguments there are, how many words lie before
# another program's line, and which vault it is about.
function __mobius_read
    set -g __mobius_command ''
    set -g __mobius_flag ''
    set -g __mobius_operands 0
    set -g __mobius_before 0
    set -g __mobius_where
    set -l targets ${targetFlags.join(' ')}
    set -l lines ${lines.map(quoted).join(' ')}
    set -l globals (__mobius_globals | string replace -r '\\t.*' '')
    set -l own
    set -l ended ''
    set -l index 1
    for word in (commandline -opc)[2..-1]
        set index (math $index + 1)
        if test -n "$__mobius_flag"
            contains -- $__mobius_flag $targets; and set -a __mobius_where $__mobius_flag=(string replace -r '^~/' "$HOME/" -- $word)
            set __mobius_flag ''
        else if contains -- "$__mobius_command" $lines; and begin
                test "$word" = --; or not string match -q -- '-*' $word
            end
            set __mobius_before (test "$word" = --; and echo $index; or math $index - 1)
            return
        else if test -n "$ended"
            set __mobius_operands (math $__mobius_operands + 1)
        else if test "$word" = --
            set ended 1
        else if string match -q -- '--*=*' $word
            contains -- (string replace -r '=.*' '' -- $word) $targets; and set -a __mobius_where $word
        else if string match -q -- '-*' $word
            contains -- "$word=" $globals $own; and set __mobius_flag $word
        else if test -z "$__mobius_command"
            set __mobius_command (__mobius_alias $word)
            set own (__mobius_flags $__mobius_command | string replace -r '\\t.*' '')
        else if not string match -q '* *' $__mobius_command; and test -n "$(__mobius_words $__mobius_command)"
            set __mobius_command "$__mobius_command $word"
            set own (__mobius_flags $__mobius_command | string replace -r '\\t.*' '')
        else
            set __mobius_operands (math $__mobius_operands + 1)
        end
    end
    contains -- "$__mobius_command" $lines; and set __mobius_before $index
end

# The names of what there is: mobius tells those of the vault on this machine, where it opens by itself.
function __mobius_names
    command mobius vault names $argv[1] $__mobius_where -- $argv[2] 2>/dev/null </dev/null
end

# What begins like the last word; a slash stands for files.
function __mobius_offer_values
    set -l before $argv[3]
    set -l typed (string sub -s (math (string length -- "$before") + 1) -- (commandline -ct | string unescape))
    for value in (__mobius_values $argv[1] $argv[2])
        switch $value
            case /
                echo /
            case ':*'
                test -n "$__mobius_looks"; and continue
                for name in (__mobius_names (string sub -s 2 -- $value) "$typed")
                    printf '%s\\n' $before$name
                end
            case '*'
                echo $before$value
        end
    end
end

# Nothing or the values of a flag after a flag that takes one, else flags, else words, else what an argument can be.
function __mobius_offers
    __mobius_read
    set -l command $__mobius_command
    set -l flags (__mobius_flags $command) (__mobius_globals)
    set -l current (commandline -ct)
    if test -n "$__mobius_flag"
        __mobius_offer_values "$command" $__mobius_flag ''
    else if string match -q -- '--*=*' $current
        set -l flag (string replace -r '=.*' '' -- $current)
        __mobius_offer_values "$command" $flag "$flag="
    else if string match -q -- '-*' $current
        string replace -r '=?\\t' '\\t' -- $flags
    else if test $__mobius_before -gt 0; and test -z "$__mobius_looks"
        set -l tokens (commandline -opc)
        set -e tokens[1..$__mobius_before]
        complete -C (string join -- ' ' (string escape -- $tokens) "$current")
    else if not string match -q '* *' $command; and test -n "$(__mobius_words $command)"
        __mobius_words $command
    else
        set -l number (math $__mobius_operands + 1)
        test -n "$(__mobius_values $command $number)"; or set number +
        __mobius_offer_values "$command" $number ''
    end
end

function __mobius_wants_file
    set -g __mobius_looks 1
    set -l offers (__mobius_offers)
    set -e __mobius_looks
    string match -q -r '(^|=)/$' -- $offers
end

function __mobius_named
    __mobius_offers | string match -v -r '(^|=)/$'
end

complete -c mobius -e
complete -c mobius -n __mobius_wants_file -F
complete -c mobius -f -a '(__mobius_named)'
`;
};
