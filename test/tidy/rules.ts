import ts from 'typescript';
import { type File, nodesOf, parse } from './source.ts';

/** What is wrong with these files, a sentence each; empty where they keep the rule. */
export type Rule = (files: readonly File[]) => string[];

const isCode = ({ path }: File): boolean => /\.[cm]?[jt]s$/.test(path);
const isGenerated = ({ path }: File): boolean => /^(src\/generated\/|completions\/)/.test(path);
const isTest = ({ path }: File): boolean => path.startsWith('test/');

/** A rule about one file at a time. */
const each =
  (which: (file: File) => boolean, problem: (file: File) => string | undefined): Rule =>
  (files) =>
    files
      .filter(which)
      .map((file) => ({ file, found: problem(file) }))
      .filter(({ found }) => found !== undefined)
      .map(({ file, found }) => `${file.path}: ${found}`);

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

const says = ({ text }: File, words: RegExp): string | undefined => {
  const found = words.exec(text);
  return found === null ? undefined : `line ${lineOf(text, found.index)} says "${found[0]}"`;
};

const isName = (node: ts.Identifier): boolean => {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) {
    return parent.name === node && parent.expression.getText() !== 'globalThis';
  }
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isGetAccessor(parent)) &&
    parent.name === node
  );
};

/** The program's two beginnings. Everything else gets the world as an Io, so that it can be tested and served. */
export const onlyMainKnowsTheProcess = each(
  (file) => /^src\/(?!(?:main|start)\.ts$|tools\/)/.test(file.path) && isCode(file),
  (file) => {
    const used = nodesOf(file).find(
      (node): node is ts.Identifier =>
        ts.isIdentifier(node) && ['process', 'console'].includes(node.text) && !isName(node),
    );
    return used && `line ${lineOf(file.text, used.getStart())} uses ${used.text}`;
  },
);

export const foldersHaveAMeaning = each(
  () => true,
  ({ path }) => {
    const found = /(?:^|\/)(utils?|helpers?|common|shared|services?)(?:\/|\.[jt]s$)/.exec(path);
    return found ? `"${found[1]}" says nothing about what is in it` : undefined;
  },
);

const prose = ({ path }: File): boolean => path !== 'package-lock.json' && !isGenerated({ path, text: '' });

export const nothingIsLeftToDo = each(prose, (file) =>
  says(file, new RegExp(`\\b(?:${['TO', 'FIX', 'X'].map((a, i) => a + ['DO', 'ME', 'XX'][i]).join('|')})\\b`)),
);

export const noCheckIsSilenced = each(
  (file) => isCode(file) && !isGenerated(file),
  (file) => {
    const told = says(
      file,
      new RegExp(['biome', 'eslint', 'prettier', '@ts'].map((tool) => `${tool}-(?:ignore|nocheck|disable)`).join('|')),
    );
    const cast = nodesOf(file).find(
      (node) =>
        (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)) && node.type.kind === ts.SyntaxKind.AnyKeyword,
    );
    return told ?? (cast && `line ${lineOf(file.text, cast.getStart())} casts to any`);
  },
);

export const noFileOnlyHandsOn = each(
  (file) => isCode(file) && !isGenerated(file) && !file.path.endsWith('.d.ts'),
  (file) => {
    const { statements } = parse(file);
    const handsOn = statements.some(
      (one) => ts.isExportDeclaration(one) && one.moduleSpecifier?.getText().slice(1).startsWith('.') === true,
    );
    const nothingElse = statements.every((one) => ts.isExportDeclaration(one) || ts.isImportDeclaration(one));
    return handsOn && nothingElse ? 'only hands on what others hold' : undefined;
  },
);

const operationsIn = (files: readonly File[]): { noun: string; verb: string }[] =>
  files.flatMap(({ path }) => {
    const [, noun, verb] = /^schemas\/([^/]+)\/([^/]+)\.json$/.exec(path) ?? [];
    return noun === undefined || verb === undefined || noun === 'models' ? [] : [{ noun, verb }];
  });

/** Its own command, or those that its schema says it is reached through. */
const commandsOf = (noun: string, verb: string, schema: string): string[] => {
  const { commands } = JSON.parse(schema || '{}') as { commands?: string[] };
  return (commands ?? [`${noun} ${verb}`]).map((words) => `src/commands/${words.replace(' ', '/')}.ts`);
};

/** Its script is what `everyCommandHasAScript` asks for. */
export const everyOperationRunsThroughEveryLayer: Rule = (files) => {
  const paths = new Map(files.map(({ path, text }) => [path, text]));
  return operationsIn(files).flatMap(({ noun, verb }) => {
    const problems: string[] = [];
    for (const command of commandsOf(noun, verb, paths.get(`schemas/${noun}/${verb}.json`) ?? '')) {
      if (!paths.has(command)) problems.push(`schemas/${noun}/${verb}.json has no ${command}`);
    }
    if (!paths.get(`src/core/${noun}.ts`)?.includes(`'${noun}.${verb}'`)) {
      problems.push(`schemas/${noun}/${verb}.json has no handler '${noun}.${verb}' in src/core/${noun}.ts`);
    }
    return problems;
  });
};

export const everyCommandHasAScript: Rule = (files) => {
  const paths = new Set(files.map(({ path }) => path));
  return [...paths].flatMap((path) => {
    const [, command] = /^src\/commands\/(.+)\.ts$/.exec(path) ?? [];
    const script = `test/scripts/${command}.txt`;
    return command === undefined || command === 'index' || paths.has(script) ? [] : [`${path} has no ${script}`];
  });
};

/** What is told apart in two places is soon told apart in two ways, and only one of them is tried on every system. */
export const onlyOneFileTellsSystemsApart = each(
  (file) => /^src\/(?!platform\.ts$|tools\/|generated\/)/.test(file.path) && isCode(file),
  (file) => says(file, /\bplatform\s*[!=]==?|(['"`])(?:win32|darwin|linux|freebsd|android)\1/),
);

/** Golden files, scripts of shells and what is hashed are the same bytes wherever they are checked out. */
export const linesEndAlike = each(
  ({ path }) => !/\.(db|wasm)$/.test(path),
  ({ text }) => (/\r\n/.test(text) ? 'ends lines in CR LF' : undefined),
);

/** The project says nothing of the place where it was made. */
export const noWordOfTheWorkplace = each(
  ({ path }) => path !== 'package-lock.json',
  (file) =>
    says(
      file,
      new RegExp(
        [
          '(?<![\\w.])/wo' + 'rk/',
          'iss' + 'ue #\\d',
          'help' + 'er agent',
          'regis' + 'try\\.npmjs',
          'in this sess' + 'ion',
        ].join('|'),
        'i',
      ),
    ),
);

export const theLockFileNamesNoHost = each(
  ({ path }) => path === 'package-lock.json',
  (file) => says(file, /"resolved": "[^"]*:\/\/[^"]*"|\bregistry\.[\w.]+/),
);

const longest = 400;

export const noFileIsTooLong = each(
  (file) => isCode(file) && !isGenerated(file) && !isTest(file),
  ({ text }) => {
    const lines = text.split('\n').length - 1;
    return lines > longest ? `has ${lines} lines, more than ${longest}` : undefined;
  },
);
