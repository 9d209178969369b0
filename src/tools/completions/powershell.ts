import type { Offer, Word, Words } from './words.ts';

const quoted = (text: string): string => `'${text.replace(/'/g, "''")}'`;

const wordTable = (words: readonly Word[]): string =>
  `[ordered]@{ ${words.map(({ name, summary }) => `${quoted(name)} = ${quoted(summary)}`).join('; ')} }`;

/** A switch takes no value; of the others an empty list says that nothing can be offered. */
const valuesOf = ({ value, values }: Offer): string => {
  if (value === undefined) return '$null';
  return values === 'file' ? "'/'" : `@(${(values ?? []).map(quoted).join(', ')})`;
};

const flagTable = (offers: readonly Offer[], indent: string): string => {
  const rows = offers.flatMap((offer) =>
    offer.spellings.map(
      (spelling) =>
        `${indent}  ${quoted(spelling)} = @{ Text = ${quoted(offer.description)}; Values = ${valuesOf(offer)} }`,
    ),
  );
  return `[ordered]@{\n${rows.join('\n')}\n${indent}}`;
};

export const powershellFile = (
  { first, second, flags, globals, aliases, lines }: Words,
  mark: string,
): string => `# ${mark}
# Completion for PowerShell: dot-source it from your $PROFILE.

Register-ArgumentCompleter -Native -CommandName mobius -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)

  $words = @{
    '' = ${wordTable(first)}
${[...second].map(([noun, verbs]) => `    ${quoted(noun)} = ${wordTable(verbs)}`).join('\n')}
  }
  $aliases = @{ ${[...aliases].map(([alias, words]) => `${quoted(alias)} = ${quoted(words)}`).join('; ')} }
  $lines = @(${lines.map(quoted).join(', ')})
  $globals = ${flagTable(globals, '  ')}
  $flags = @{
${[...flags].flatMap(([words, offers]) => (offers.length === 0 ? [] : [`    ${quoted(words)} = ${flagTable(offers, '    ')}`])).join('\n')}
  }

  $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
  $command = ''
  $skip = $false
  foreach ($word in $before) {
    if ($skip) { $skip = $false }
    elseif ($lines -contains $command -and ($word -eq '--' -or -not $word.StartsWith('-'))) { return }
    elseif ($lines -contains $command) {
      $skip = @($flags[$command], $globals | Where-Object { $_.Contains($word) -and $null -ne $_[$word].Values }).Count -gt 0
    }
    elseif ($word.StartsWith('-')) { $skip = $globals.Contains($word) -and $null -ne $globals[$word].Values }
    elseif ($command -eq '') { $command = if ($aliases.ContainsKey($word)) { $aliases[$word] } else { $word } }
    elseif (-not $command.Contains(' ') -and $words.ContainsKey($command)) { $command = "$command $word" }
  }

  $known = [ordered]@{}
  foreach ($table in @($flags[$command], $globals)) {
    if ($null -ne $table) { foreach ($name in $table.Keys) { if (-not $known.Contains($name)) { $known[$name] = $table[$name] } } }
  }
  $last = if ($before.Count -gt 0) { $before[-1] } else { '' }
  $offers = [ordered]@{}
  if ($known.Contains($last) -and $null -ne $known[$last].Values) {
    if ($known[$last].Values -eq '/') { return }
    foreach ($value in $known[$last].Values) { $offers[$value] = $value }
  }
  elseif ($wordToComplete.StartsWith('-')) { foreach ($name in $known.Keys) { $offers[$name] = $known[$name].Text } }
  elseif ($lines -contains $command) { return }
  elseif (-not $command.Contains(' ') -and $words.ContainsKey($command)) { $offers = $words[$command] }

  $offers.GetEnumerator() | Where-Object { $_.Key.StartsWith($wordToComplete) } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_.Key, $_.Key, 'ParameterValue', $_.Value)
  }
}
`;
