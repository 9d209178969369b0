import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Io } from '../../src/io.ts';
import type { Place } from '../places.ts';
import { splitLine } from './line.ts';
import { runScript } from './runner.ts';
import { parseScript } from './script.ts';

const here: Place = { kind: 'local', open: async () => ({ env: { PLACE: 'here' }, close: async () => undefined }) };

/** Stands in for the product: each of its words says one thing, and `exit N` ends it. */
const stub = async (io: Io): Promise<number> => {
  const [word, ...rest] = io.argv;
  const say: Record<string, () => Promise<string> | string> = {
    say: () => `${rest.join('\n')}\n`,
    bare: () => rest.join(' '),
    words: () => `${rest.map((one) => `[${one}]`).join('')}\n`,
    env: () => `${rest.map((name) => `${name}=${io.env[name] ?? '-'}`).join(' ')}\n`,
    stdin: async () => Buffer.from(await io.stdin.read()).toString(),
    tty: () =>
      `${io.stdin.isTTY} ${io.stdout.isTTY} ${io.stderr.isTTY} ${io.stdout.columns} ${io.env.NO_COLOR ?? '-'}\n`,
    clock: () => `${new Date(io.now()).toISOString()}\n`,
    ids: () => `${Buffer.from(io.newUuid()).toString('hex')}\n`,
    places: () => `${io.home}\n${io.cwd}\n`,
    json: () => `${rest.join(' ')}\n`,
    crash: () => Promise.reject(new TypeError('a fault in the product')),
  };
  if (word === 'fail') {
    for (const line of rest.slice(1)) io.stderr.write(`${line}\n`);
    return Number(rest[0]);
  }
  io.stdout.write((await say[word ?? '']?.()) ?? '');
  return 0;
};

const play = (text: string, place = here): Promise<void> => runScript(parseScript('test.txt', text), place, stub);

const complaint = async (text: string): Promise<string> => {
  try {
    await play(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
};

describe('a script passes', () => {
  test.each([
    ['the exact lines', "$ mobius say one 'two  three' four\none\ntwo  three\nfour"],
    ['comments and several commands', '# first\n$ mobius say one\none\n# not a line\n$ mobius say two\ntwo\n\n# end\n'],
    ['nothing at all', '$ mobius fail 0'],
    [
      'stderr and an exit code',
      "$ mobius fail 3 'mobius: error: no' 'mobius: hint: yes'\n! mobius: error: no\n! mobius: hint: yes\n= 3",
    ],
    ['an empty line on stderr', "$ mobius fail 0 a '' b\n! a\n!\n! b"],
    [
      'lines that look like something else',
      String.raw`$ mobius say '$ x' '' '# y' '! z' '= 2' '...' 'json {}' '\w'
\$ x
\
\# y
\! z
\= 2
\...
\json {}
\\w`,
    ],
    ['a missing newline that is expected', '$ mobius bare raw-key\nraw-key\n\\\\ no newline at the end'],
    [
      'any number of lines',
      '$ mobius say a b c d\na\n...\nd\n\n$ mobius say a\na\n...\n\n$ mobius say a b\n...\n\n$ mobius say a b\n...\nb',
    ],
    ['patterns', '$ mobius say key_01 a-b\nkey_[[:\\d+]]\n[[:[ab]]]-[[:[a-c]]]'],
    [
      'what was captured',
      `$ mobius say id_7 id_7
[[id:id_\\d]]
[[id]]

$ mobius words $id "<$id>" \${id}x '$id'
[[[id]]][<[[id]]>][[[id]]x][$id]`,
    ],
    ['a capture after any lines', '$ mobius say x y id_7\n...\n[[id:id_\\d]]\n\n$ mobius say $id\nid_7'],
    [
      'a part of JSON',
      `$ mobius json '{"id":"key_1","n":5,"list":[{"a":1,"b":2}],"deep":{"x":null}}'
json {"id": "[[id:key_.*]]", "n": 5, "list": [{"b": 2}], "deep": {"x": null}, "other": "[[absent]]"}

$ mobius json '{"list":[1,2,3]}'
json {
  "list": [1, "..."]
}

$ mobius json '{"key":"key_1","n":12}'
json {"key": "[[id]]", "n": "[[:1.]]"}`,
    ],
    [
      'JSON on stderr',
      `$ mobius fail 5 '{"error":{"code":"not_found","message":"no key"}}'\n! json {"error": {"code": "not_found"}}\n= 5`,
    ],
    [
      'stdin',
      "$ mobius stdin <<< 'some text'\nsome text\n\nfile a b.txt\n  one\n    two\n\n$ mobius stdin < 'a b.txt'\none\n  two\n\n$ mobius stdin",
    ],
    [
      'variables',
      '$ mobius env A PLACE\nA=- PLACE=here\n\nenv A=b\n$ mobius env A\nA=b\n$ A="c d" B=$A mobius env A B\nA=c d B=b\n$ mobius env A\nA=b\n\nunset A\n$ mobius env A\nA=-',
    ],
    [
      'a terminal or none',
      '$ mobius tty\nfalse false false Infinity -\n$tty mobius tty\ntrue true true 80 1\n$color mobius tty\ntrue true true 80 -',
    ],
    [
      'the clock',
      '$ mobius clock\n2026-01-01T00:00:00.000Z\n$ mobius clock\n2026-01-01T00:00:00.000Z\n\nclock +2h\nclock +5ms\n$ mobius clock\n2026-01-01T02:00:00.005Z',
    ],
    [
      'ids that count',
      '$ mobius ids\n019b76daa80070008000000000000001\n\nclock +1ms\n$ mobius ids\n019b76daa80170008000000000000002',
    ],
    [
      'files of its own',
      '$ mobius places\n[[home]]\n[[cwd]]\n\nfile new.txt\n  hello\n\ncat new.txt\nhello\n\nmode new.txt 0644\n\ncat "$cwd/new.txt"\nhello',
    ],
    ['a long command', '$ mobius words a \\\n    b\n[a][b]'],
  ])('with %s', async (_, text) => {
    await play(text);
  });
});

describe('a script fails', () => {
  test.each([
    ['another line', '$ mobius say one two\none\nzwei', /- zwei\n {2}\+ two/],
    ['a missing line', '$ mobius say one\none\ntwo', /- two/],
    ['an extra line', '$ mobius say one two\none', /\+ two/],
    ['any output where none is expected', '$ mobius say one', /\+ one/],
    ['white space at the end', "$ mobius say 'one '\none", /\+ one /],
    ['a missing newline', '$ mobius bare key\nkey', /\+ \\ no newline at the end/],
    ['another line on stderr', '$ mobius fail 0 one\n! two', /stderr is another.*- two\n {2}\+ one/s],
    ['a missing line on stderr', '$ mobius fail 0\n! two', /stderr is another.*- two/s],
    ['any stderr where none is expected', '$ mobius fail 0 warning', /stderr is another.*\+ warning/s],
    ['another exit code', '$ mobius fail 3\n= 2', /the exit code is 3, not 2/],
    ['an exit code where none is expected', '$ mobius fail 1', /the exit code is 1, not 0/],
    ['success where none is expected', '$ mobius fail 0\n= 1', /the exit code is 0, not 1/],
    ['a line that is missing after any lines', '$ mobius say a b\n...\nc', /- c/],
    ['a pattern that does not fit', '$ mobius say key_x\nkey_[[:\\d+]]', /- key_\[\[/],
    ['a pattern that fits a part', '$ mobius say key_1x\nkey_[[:\\d+]]', /\+ key_1x/],
    ['another value than was captured', '$ mobius say 1 2\n[[id:\\d]]\n[[id]]', /- \[\[id\]\]\n {2}\+ 2/],
    ['a captured value with the signs of a pattern', '$ mobius say a.c abc\n[[id:a.c]]\n[[id]]', /\+ abc/],
    ['another JSON value', `$ mobius json '{"a":{"b":1}}'\njson {"a": {"b": 2}}`, /\.a\.b: expected 2, got 1/],
    ['a missing JSON value', `$ mobius json '{}'\njson {"a": null}`, /\.a: expected null, got nothing/],
    ['a number for a text', `$ mobius json '{"a":1}'\njson {"a": "1"}`, /\.a: expected "1", got 1/],
    [
      'a JSON value that must be absent',
      `$ mobius json '{"key":"x"}'\njson {"key": "[[absent]]"}`,
      /\.key: expected none/,
    ],
    ['a longer list', `$ mobius json '[1,2]'\njson [1]`, /expected 1 items, got 2/],
    ['a shorter list', `$ mobius json '[]'\njson [1, "..."]`, /expected at least 1 items, got 0/],
    ['another item of a list', `$ mobius json '[{"a":1}]'\njson [{"a":2}]`, /\[0\]\.a: expected 2, got 1/],
    ['a list for an object', `$ mobius json '[]'\njson {}`, /expected an object/],
    ['text for JSON', '$ mobius say hello\njson {}', /expected JSON\n {2}\+ hello/],
    ['a second JSON text', `$ mobius json '{} {}'\njson {}`, /expected JSON/],
    ['JSON on the wrong stream', `$ mobius fail 0 '{}'\njson {}`, /stdout is another/],
    ['other JSON on stderr', `$ mobius fail 0 '{"a":1}'\n! json {"a":2}`, /stderr is another.*\.a: expected 2/s],
    ['another content of a file', 'file a\n  one\n\ncat a\ntwo\n\n$ mobius fail 0', /- two\n {2}\+ one/],
    ['another mode of a file', 'file a\n  one\n\nmode a 0600\n\n$ mobius fail 0', /the mode of "a" is 0644, not 0600/],
    ['a file that is not there', 'cat a\n\n$ mobius fail 0', /ENOENT/],
    ['a fault in the product', '$ mobius crash', /TypeError: a fault in the product/],
  ])('with %s', async (_, text, words) => {
    expect(await complaint(text)).toMatch(words);
  });

  test('and says where, with what was typed and what came on stderr', async () => {
    const message = await complaint(
      "\n$ mobius fail 0\n\n# here\n$ mobius fail 2 'mobius: error: no' \n! mobius: error: no\n",
    );
    expect(message).toMatch(/^test\.txt:5 \(local\)\n {2}\$ mobius fail 2 'mobius: error: no' \n/);
    expect(await complaint("$ mobius fail 2 'mobius: error: no'\n! [[:.*]]")).toContain(
      'stderr was:\nmobius: error: no',
    );
  });

  test('and shows only what differs as different', async () => {
    expect(await complaint('$ mobius say a b c d\na\nx\nd')).toContain('    a\n  - x\n  + b\n  + c\n    d');
  });
});

describe('a file that is no script is refused', () => {
  test.each([
    ['mobius say one', 'is nothing that a script says'],
    ['# nothing is run\n', 'no command'],
    ['$ mobius say one\none\n\nonly local: late', 'is nothing that a script says'],
    ['only local\n$ mobius say', 'say where, and why'],
    ['only local: \n$ mobius say', 'say where, and why'],
    ['$bash mobius', 'is nothing that a script says'],
    ['$ mobius say\njson {"a": 1\n\n', 'the JSON has no end'],
    ['$ mobius say\none\njson {}', 'lines and JSON'],
    ['file a\nnot indented\n\n$ mobius say', 'two spaces'],
    ['clock 2h\n$ mobius say', 'say: clock +2h'],
    ['mode a 600\n$ mobius say', 'say: mode'],
  ])('%j', (text, words) => {
    expect(() => parseScript('test.txt', text)).toThrow(words);
  });

  test.each([
    ['$ ls', 'only mobius is run here'],
    ['$ mobius say a | jq', 'needs a shell'],
    ['$ mobius say a > file', 'needs a shell'],
    ['$ mobius say $(date)', 'needs a shell'],
    ['$ mobius say "$(date)"', 'needs a shell'],
    ['$ mobius say $nobody', 'nothing was captured or set as "nobody"'],
    ["env A='a b'\n$ mobius say $A", 'holds white space'],
    ["$ mobius say 'a", 'has no end'],
    ['$ mobius say "a', 'has no end'],
    ['$ mobius stdin <<<', 'takes one word'],
    ['$ mobius say a\n[[later]]', 'was not captured before'],
    ['$ mobius say a a\n[[x:.]]\n[[x:.]]', 'was captured before'],
    ['$ mobius say a\n[[x', 'has no "]]"'],
  ])('%j, when it runs', async (text, words) => {
    expect(await complaint(text)).toContain(words);
  });
});

test('words are split as a shell does', () => {
  const words = (text: string): string[] => splitLine(text, (name) => ({ a: '1', b: 'x y' })[name]).words;
  expect(words(String.raw`one  'two "three"' "it's $a \"q\" \n" fo\ ur '' "" a"b"'c'`)).toEqual([
    'one',
    'two "three"',
    String.raw`it's 1 "q" \n`,
    'fo ur',
    '',
    '',
    'abc',
  ]);
  expect(words(`$a\${a}2 "$b" $ 5$ '$a' "\\$a" \\$a --x={"k":"v"}`)).toEqual([
    '112',
    'x y',
    '$',
    '5$',
    '$a',
    '$a',
    '$a',
    '--x={k:v}',
  ]);
  expect(splitLine("A=1 'B=2' C=3", () => undefined)).toEqual({ env: { A: '1' }, words: ['B=2', 'C=3'] });
});

describe('the place', () => {
  test('is opened before, closed after, also after a failure, and not at all for a bare script', async () => {
    const seen: string[] = [];
    const place: Place = {
      kind: 'local',
      async open(world, run) {
        seen.push('open');
        await world.run(run, { argv: ['fail', '0'] });
        return { env: {}, close: async () => void seen.push('close') };
      },
    };
    await play('$ mobius fail 0', place);
    await expect(play('$ mobius fail 1', place)).rejects.toThrow('(local)');
    expect(seen).toEqual(['open', 'close', 'open', 'close']);
    await play('bare\n\n$ mobius fail 0', place);
    expect(seen).toHaveLength(4);
  });

  test('may be named, with the reason', () => {
    expect(parseScript('t', 'only local two: no vault there\n\n$ mobius say').only).toEqual(['local', 'two']);
  });
});

describe('UPDATE_SCRIPTS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-update-'));
  const path = join(folder, 'x.txt');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const updated = async (text: string): Promise<string> => {
    writeFileSync(path, text);
    await runScript(parseScript(path, text), here, stub, true);
    const result = readFileSync(path, 'utf8');
    await runScript(parseScript(path, result), here, stub);
    return result;
  };

  test('writes what came, so that it passes, and leaves the rest', async () => {
    const text = `# kept
$ mobius say '$ a' '' '\\' x
wrong
$ mobius fail 2 '' oops '...' 'json {}'

$ mobius say id_77777
[[id:id_\\d+]]

$ mobius say "got $id"
`;
    expect(await updated(text)).toBe(`# kept
$ mobius say '$ a' '' '\\' x
\\$ a
\\
\\\\
x
$ mobius fail 2 '' oops '...' 'json {}'
!
! oops
! \\...
! \\json {}
= 2

$ mobius say id_77777
[[id:id_\\d+]]

$ mobius say "got $id"
got [[id]]
`);
  });

  test('does not touch patterns and JSON', async () => {
    for (const text of [
      '$ mobius say a\n[[:b]]\n',
      '$ mobius say a\n...\nb\n',
      '$ mobius json \'{}\'\njson {"a":1}\n',
    ]) {
      await expect(updated(text)).rejects.toThrow('is another');
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });
});
