import { type Choices, type Offer, type Operand, targetFlags, type Word, type Words } from './words.ts';

const quoted = (text: string): string => `'${text.replace(/'/g, "''")}'`;

const wordTable = (words: readonly Word[]): string =>
  `[ordered]@{ ${words.map(({ name, summary }) => `${quoted(name)} = ${quoted(summary)}`).join('; ')} }`;

const list = (values: Choices): string => `@(${values.map(quoted).join(', ')})`;

/** A switch takes no value; of the others an empty list says that nothing can be offered. */
const valuesOf = ({ value, values = [] }: Offer): string => (value === undefined ? '$null' : list(values));

const flagTable = (offers: readonly Offer[], indent: string): string => {
  const rows = offers.flatMap((offer) =>
    offer.spellings.map(
      (spelling) =>
        `${indent}  ${quoted(spelling)} = @{ Text = ${quoted(offer.description)}; Values = ${valuesOf(offer)} }`,
    ),
  );
  return `[ordered]@{\n${rows.join('\n')}\n${indent}}`;
};

/** One list an argument; after them one for all that follow. */
const operandRow = (words: string, operands: readonly Operand[], rest: Operand | undefined): string =>
  `    ${quoted(words)} = @{ One = @(${operands.map(({ values }) => `,${list(values)}`).join('; ')}); All = ${list(rest?.values ?? [])} }`;

export const powershellFile = (
  { first, second, flags, operands, rest, globals, aliases, lines }: Words,
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
  $lines = ${list(lines)}
  $targets = ${list(targetFlags)}
  $globals = ${flagTable(globals, '  ')}
  $flags = @{
${[...flags].flatMap(([words, offers]) => (offers.length === 0 ? [] : [`    ${quoted(words)} = ${flagTable(offers, '    ')}`])).join('\n')}
  }
  $operands = @{
${[...operands].flatMap(([words, all]) => (all.length === 0 && !rest.has(words) ? [] : [operandRow(words, all, rest.get(words))])).join('\n')}
  }

  $elements = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition })
  $where = @()
  $unknown = $false
  $command = ''
  $flag = ''
  $count = 0
  $ended = $false
  $takesValue = {
    param($name)
    foreach ($table in @($flags[$command], $globals)) {
      if ($null -ne $table -and $table.Contains($name) -and $null -ne $table[$name].Values) { return $true }
    }
    return $false
  }
  foreach ($element in $elements) {
    $word = if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $element.Value } else { $element.Extent.Text }
    if ($flag -ne '') {
      if ($targets -contains $flag) {
        if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $where += "$flag=$word" } else { $unknown = $true }
      }
      $flag = ''
    }
    elseif ($lines -contains $command -and ($word -eq '--' -or -not $word.StartsWith('-'))) {
      # Another program's line completes as if it stood alone.
      $start = if ($word -eq '--') { $element.Extent.EndOffset } else { $element.Extent.StartOffset }
      $text = $commandAst.Extent.Text.Substring($start - $commandAst.Extent.StartOffset).TrimStart()
      $length = [Math]::Min($text.Length, $cursorPosition - $commandAst.Extent.StartOffset)
      if ($text.Length -eq 0) { return }
      return (TabExpansion2 -inputScript $text -cursorColumn $length).CompletionMatches
    }
    elseif ($ended) { $count++ }
    elseif ($word -eq '--') { $ended = $true }
    elseif ($word -match '^(--[^=]+)=') {
      if ($targets -contains $Matches[1]) {
        if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $where += $word } else { $unknown = $true }
      }
    }
    elseif ($word.StartsWith('-')) { if (& $takesValue $word) { $flag = $word } }
    elseif ($command -eq '') { $command = if ($aliases.ContainsKey($word)) { $aliases[$word] } else { $word } }
    elseif (-not $command.Contains(' ') -and $words.ContainsKey($command)) { $command = "$command $word" }
    else { $count++ }
  }

  $known = [ordered]@{}
  foreach ($table in @($flags[$command], $globals)) {
    if ($null -ne $table) { foreach ($name in $table.Keys) { if (-not $known.Contains($name)) { $known[$name] = $table[$name] } } }
  }
  $typed = $wordToComplete.Trim([char]34, [char]39)
  $before = ''
  $values = @()
  $offers = [ordered]@{}
  if ($flag -ne '') { if ($known.Contains($flag)) { $values = $known[$flag].Values } }
  elseif ($typed -match '^(--[^=]+)=(.*)$' -and -not $ended) {
    $before = $Matches[1] + '='
    $typed = $Matches[2]
    if ($known.Contains($Matches[1])) { $values = $known[$Matches[1]].Values }
  }
  elseif ($typed.StartsWith('-') -and -not $ended) { foreach ($name in $known.Keys) { $offers[$name] = $known[$name].Text } }
  elseif ($lines -contains $command) { return }
  elseif (-not $command.Contains(' ') -and $words.ContainsKey($command)) { $offers = $words[$command] }
  elseif ($operands.ContainsKey($command)) {
    $values = if ($count -lt $operands[$command].One.Count) { $operands[$command].One[$count] } else { $operands[$command].All }
  }

  foreach ($value in @($values)) {
    if ($value -eq '/') {
      [System.Management.Automation.CompletionCompleters]::CompleteFilename($typed) | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($before + $_.CompletionText, $_.ListItemText, 'ProviderItem', $_.ToolTip)
      }
    }
    elseif ("$value".StartsWith(':')) {
      # The names of what there is: mobius tells those of the vault on this machine, where it opens by itself.
      $program = Get-Command mobius -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
      if ($null -ne $program -and -not $unknown) {
        foreach ($name in @(& $program vault names $value.Substring(1) @where '--' $typed 2>$null)) { $offers[$before + $name] = $name }
      }
    }
    elseif ($null -ne $value) { $offers[$before + $value] = $value }
  }

  $offers.GetEnumerator() | Where-Object { $_.Key.StartsWith($before + $typed) } | ForEach-Object {
    # Every kind of quote that PowerShell takes for one is doubled, and what is not plain is put between two.
    $text = if ($_.Key -match '^[A-Za-z0-9_./+-][A-Za-z0-9_./+:=-]*$') { $_.Key } else { "'" + ($_.Key -replace "['\u2018\u2019\u201A\u201B]", '$0$0') + "'" }
    [System.Management.Automation.CompletionResult]::new($text, $_.Key, 'ParameterValue', $_.Value)
  }
}
`;
