import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { BuildResult, Metafile } from 'esbuild';
import ts from 'typescript';
import type { Origin, Piece } from './source-lines.ts';

/**
 * The bundler divides the program into hundreds of parts, so that what one command needs is in parts that it needs whole.
 * As many files would take long to read: here each part becomes a function in one of a few files, and one that is never
 * called costs no more than its text. It gives what the part exports, by place: names would be a shape for each part.
 */
export interface Pack {
  name: string;
  text: string;
  /** What of the text was in the parts as they are given. */
  pieces: readonly Piece[];
  /** Which sources are in the function of this name. */
  parts: Readonly<Record<string, readonly string[]>>;
  inputs: Output['inputs'];
  imports: Output['imports'];
}

/** What begins with `main`, and with the entries of each pack, is in the file of that name; the last takes the rest. */
export interface Plan {
  main: string;
  packs: Readonly<Record<string, readonly string[]>>;
  rest: string;
}

type Outputs = Metafile['outputs'];
type Output = Outputs[string];

/** By which name others know it, and by which the part itself. */
interface Exported {
  name: string;
  own: string;
}

interface Part {
  path: string;
  source: ts.SourceFile;
  origin: Origin;
  output: Output;
  exported: readonly Exported[];
  /** Of a library that is no ES module: all that it exports is the default. */
  isCommonJs: boolean;
  pack: string;
  at: number;
}

type Parts = ReadonlyMap<string, Part>;

const isOwn = ({ kind, external }: Output['imports'][number]): boolean =>
  kind === 'import-statement' && external !== true;

/** Tells of a part everything that comes along with it, itself included. None may need itself: it would never be made. */
const closureOf = (outputs: Outputs): ((path: string) => ReadonlySet<string>) => {
  const known = new Map<string, Set<string> | undefined>();
  const find = (path: string): ReadonlySet<string> => {
    const found = known.get(path);
    if (found !== undefined) return found;
    if (known.has(path)) throw new Error(`${path} needs itself`);
    known.set(path, undefined);
    const needed = (outputs[path]?.imports ?? []).filter(isOwn).flatMap((one) => [...find(one.path)]);
    const all = new Set([path, ...needed]);
    known.set(path, all);
    return all;
  };
  return find;
};

const ownName = ({ propertyName, name }: ts.ImportSpecifier | ts.ExportSpecifier): string =>
  (propertyName ?? name).text;

const exportsOf = (source: ts.SourceFile): readonly Exported[] =>
  source.statements.flatMap((statement): Exported[] => {
    if (ts.isExportAssignment(statement)) return [{ name: 'default', own: '$default' }];
    if (!ts.isExportDeclaration(statement)) return [];
    return (statement.exportClause as ts.NamedExports).elements.map((one) => ({
      name: one.name.text,
      own: ownName(one),
    }));
  });

const isAssignment = ({ kind }: ts.Node): boolean =>
  kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;

/** What `import` and `export` become where there are none. */
const functionOf = (
  { source, origin, exported, at: place }: Part,
  partOf: (specifier: string) => Part | undefined,
  alongWith: (part: Part) => readonly Part[],
): Pick<Pack, 'text' | 'pieces'> => {
  const edits: { from: number; to: number; by: string }[] = [];
  const handedOut = new Set(exported.map(({ own }) => own));
  const replace = (node: ts.Node, by: string): void => void edits.push({ from: node.getStart(), to: node.end, by });

  const placeIn = (part: Part, name: string): number => {
    const found = part.exported.findIndex((one) => one.name === name);
    if (found === -1) throw new Error(`${part.source.fileName} exports no ${name}`);
    return found;
  };
  const made = new Set<Part>();
  const importOf = ({ moduleSpecifier, importClause }: ts.ImportDeclaration): string => {
    const { text } = moduleSpecifier as ts.StringLiteral;
    const part = partOf(text);
    // What an import before it needs has been made by now.
    const isMade = part !== undefined && made.has(part);
    if (part !== undefined) for (const one of alongWith(part)) made.add(one);
    const bindings = importClause?.namedBindings;
    const named = bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : [];
    if (part !== undefined) {
      if (named.length === 0) return isMade ? '' : `$need(${part.at});`;
      const places = named.map((one) => `${one.name.text}=$part${part.at}[${placeIn(part, ownName(one))}]`);
      return `const $part${part.at}=$need(${part.at}),${places};`;
    }
    // To who imports a CommonJS file, all of it is the default.
    const wholes = [importClause?.name, bindings !== undefined && ts.isNamespaceImport(bindings) && bindings.name];
    const names = [
      ...wholes.flatMap((name) => (name ? [name.text] : [])),
      ...(named.length > 0 ? [`{${named.map((one) => `${ownName(one)}:${one.name.text}`)}}`] : []),
    ];
    const required = `require(${JSON.stringify(text)})`;
    return names.length === 0 ? `${required};` : `const ${names.map((name) => `${name}=${required}`)};`;
  };
  const laterOf = (specifier: string): string => {
    const part = partOf(specifier);
    if (part === undefined) return `$later(()=>$whole(require(${JSON.stringify(specifier)})))`;
    if (part.isCommonJs) return `$later(()=>$whole($need(${part.at})[0]))`;
    const named = part.exported.map(({ name }, index) => `${name}:$part[${index}]`);
    return `$later(()=>{const $part=$need(${part.at});return{${named}}})`;
  };
  const change = (name: ts.Node): void => {
    if (ts.isArrayLiteralExpression(name) || ts.isObjectLiteralExpression(name)) ts.forEachChild(name, change);
    if (ts.isIdentifier(name) && handedOut.has(name.text))
      throw new Error(`${source.fileName} exports ${name.text}, and changes it`);
  };
  const walk = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) replace(node, importOf(node));
    else if (ts.isExportDeclaration(node)) replace(node, '');
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      replace(node, laterOf((node.arguments[0] as ts.StringLiteral).text));
    else {
      if (ts.isExportAssignment(node))
        edits.push({ from: node.getStart(), to: node.expression.getStart(), by: 'const $default=' });
      if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken)) change(node.left);
      if (ts.isPostfixUnaryExpression(node) || ts.isPrefixUnaryExpression(node)) change(node.operand);
      ts.forEachChild(node, walk);
    }
  };
  walk(source);

  const pieces: Piece[] = [];
  let text = `${place}(){`;
  let from = 0;
  for (const { from: to, to: next, by } of [...edits, { from: source.text.length, to: 0, by: '\n' }]) {
    pieces.push({ at: text.length, origin, from, length: to - from });
    text += source.text.slice(from, to) + by;
    from = next;
  }
  return { text: `${text}return[${exported.map(({ own }) => own)}]}`, pieces };
};

/**
 * Finds a part, in the file that it is in, and tells which were made. Whoever updates the program replaces files of which one that runs has read only
 * some: it must not take its parts from another build. No name of a source begins like these.
 */
const finderOf = (build: string, starts: Readonly<Record<string, number>>): string => `
const $starts=${JSON.stringify(Object.entries(starts))},$made=[];
const $need=at=>$made[at]??=($parts[at]??$read(at))();
const $read=at=>{const[name]=$starts.findLast(([,start])=>start<=at),pack=require("./"+name+".cjs");
if(pack.build!=="${build}")throw new Error("another build was put in the place of this one while it ran: start it again");
Object.assign($parts,pack.partsWith($need,$later,$whole));return $parts[at]};
const $later=give=>Promise.resolve().then(give);
const $whole=exports=>Object.create(exports,{default:{value:exports}});exports.made=$made;`;

const packsByPart = (outputs: Outputs, { main, packs, rest }: Plan): Map<string, string> => {
  const entries = new Map(
    Object.entries(outputs).map(([path, { entryPoint }]) => [entryPoint?.replace(/^.*(?=node_modules\/)/, ''), path]),
  );
  const alongWith = closureOf(outputs);
  const found = new Map<string, string>();
  for (const [name, sources] of [['main', [main]] as const, ...Object.entries(packs)]) {
    for (const source of sources) {
      const path = entries.get(source);
      if (path === undefined) throw new Error(`no part begins with ${source}`);
      for (const one of alongWith(path)) if (!found.has(one)) found.set(one, name);
    }
  }
  for (const path of Object.keys(outputs)) {
    alongWith(path);
    if (!found.has(path)) found.set(path, rest);
  }
  return found;
};

export const packsOf = (
  { metafile, outputFiles }: BuildResult<{ metafile: true; write: false }>,
  plan: Plan,
): Pack[] => {
  const outputs = Object.fromEntries(Object.entries(metafile.outputs).filter(([path]) => !path.endsWith('.map')));
  const packs = packsByPart(outputs, plan);
  const names = [...new Set(packs.values())];
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const noMap = JSON.stringify({ sources: [], mappings: '' });
  const parts: Parts = new Map(
    names
      .flatMap((name) => [...packs].filter(([, pack]) => pack === name))
      .map(([path, pack], at): [string, Part] => {
        const name = basename(path);
        const text = texts.get(name) ?? '';
        const source = ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS);
        const origin: Origin = { text, map: JSON.parse(texts.get(`${name}.map`) ?? noMap) };
        const isCommonJs = source.statements.some(ts.isExportAssignment);
        const output = outputs[path] as Output;
        return [name, { path, source, origin, output, exported: exportsOf(source), isCommonJs, pack, at }];
      }),
  );
  const partOf = (specifier: string): Part | undefined =>
    specifier.endsWith('.js') ? parts.get(basename(specifier)) : undefined;
  const closure = closureOf(outputs);
  const alongWith = ({ path }: Part): Part[] => [...closure(path)].flatMap((one) => parts.get(basename(one)) ?? []);
  const inPack = (name: string): Part[] => [...parts.values()].filter(({ pack }) => pack === name);
  const lists = names.map((name) => inPack(name).map((part) => functionOf(part, partOf, alongWith)));
  const build = createHash('sha256')
    .update(JSON.stringify(lists.flat().map(({ text }) => text)))
    .digest('hex')
    .slice(0, 16);
  const finder = finderOf(build, Object.fromEntries(names.map((name) => [name, inPack(name)[0]?.at ?? 0])));

  return names.map((name, index): Pack => {
    const own = inPack(name);
    const first = own.find(({ output }) => output.entryPoint === plan.main);
    let text = '"use strict";';
    text +=
      first === undefined ? `exports.build="${build}";exports.partsWith=($need,$later,$whole)=>({` : 'const $parts={';
    const pieces: Piece[] = [];
    for (const part of lists[index] ?? []) {
      for (const piece of part.pieces) pieces.push({ ...piece, at: text.length + piece.at });
      text += `${part.text},\n`;
    }
    text += first === undefined ? '});' : `};${finder}\n$need(${first.at});`;
    return {
      name,
      text,
      pieces,
      parts: Object.fromEntries(
        own.map(({ at, output: { inputs } }) => [
          String(at),
          Object.entries(inputs).flatMap(([source, { bytesInOutput }]) => (bytesInOutput > 0 ? [source] : [])),
        ]),
      ),
      inputs: Object.assign({}, ...own.map(({ output }) => output.inputs)),
      imports: own.flatMap(({ output }) => output.imports.filter(({ external }) => external === true)),
    };
  });
};
