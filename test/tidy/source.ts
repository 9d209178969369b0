import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import ts from 'typescript';

/** A file of the project, its path from the root with slashes. */
export interface File {
  path: string;
  text: string;
}

const roots = ['src', 'schemas', 'test', 'docs', 'bench', 'bin', 'completions', '.ci'];
const leaves = /^(?:[^/]+\.(?:md|ts|json)|\.gitignore)$/;

/** Every file that belongs to the project, tracked or about to be. */
export const listFiles = (root = '.'): File[] => {
  const below = roots.flatMap((folder) =>
    statSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory()
      ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
      : [],
  );
  return [...readdirSync(root).filter((name) => leaves.test(name)), ...below]
    .filter((path) => statSync(join(root, path)).isFile())
    .map((path) => ({ path: path.split(sep).join('/'), text: readFileSync(join(root, path), 'utf8') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
};

export interface Import {
  /** As written. */
  specifier: string;
  /** Loaded when the line is reached, not with the file. */
  lazy: boolean;
  /** Gone when the types are stripped. */
  typeOnly: boolean;
  reExport: boolean;
}

const parsed = new Map<string, ts.SourceFile>();

export const parse = ({ path, text }: File): ts.SourceFile => {
  const key = `${path}\0${text}`;
  const known = parsed.get(key) ?? ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  parsed.set(key, known);
  return known;
};

const visit = (node: ts.Node, see: (node: ts.Node) => void): void => {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
};

/** Every node of the file, comments and strings' insides left out. */
export const nodesOf = (file: File): ts.Node[] => {
  const nodes: ts.Node[] = [];
  visit(parse(file), (node) => nodes.push(node));
  return nodes;
};

const textOf = (node: ts.Node | undefined): string | undefined =>
  node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;

const onlyTypes = (clause: ts.ImportClause | undefined): boolean =>
  clause !== undefined &&
  (clause.isTypeOnly ||
    (clause.name === undefined &&
      clause.namedBindings !== undefined &&
      ts.isNamedImports(clause.namedBindings) &&
      clause.namedBindings.elements.length > 0 &&
      clause.namedBindings.elements.every((element) => element.isTypeOnly)));

/** `import(…)`, `require(…)` and `createRequire(…)(…)` of a text that is written there. */
const loadedBy = (node: ts.CallExpression): string | undefined => {
  const { expression } = node;
  const loads =
    expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(expression) && expression.text === 'require') ||
    (ts.isPropertyAccessExpression(expression) && expression.getText().startsWith('require.')) ||
    (ts.isCallExpression(expression) && expression.expression.getText() === 'createRequire');
  return loads ? textOf(node.arguments[0]) : undefined;
};

const importOf = (node: ts.Node): Import | undefined => {
  const plain = { lazy: false, typeOnly: false, reExport: false };
  const made = (specifier: string | undefined, kind: Partial<Import>): Import | undefined =>
    specifier === undefined ? undefined : { ...plain, ...kind, specifier };
  if (ts.isImportDeclaration(node))
    return made(textOf(node.moduleSpecifier), { typeOnly: onlyTypes(node.importClause) });
  if (ts.isExportDeclaration(node)) {
    return made(textOf(node.moduleSpecifier), { typeOnly: node.isTypeOnly, reExport: true });
  }
  if (ts.isCallExpression(node)) return made(loadedBy(node), { lazy: true });
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return made(textOf(node.argument.literal), { typeOnly: true });
  }
  return undefined;
};

export const importsOf = (file: File): Import[] =>
  nodesOf(file)
    .map(importOf)
    .filter((found) => found !== undefined);
