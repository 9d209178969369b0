// Named one by one: the package is CommonJS, which an `import()` of it would give as a default alone once bundled.
export { parseDocument, stringify, visit } from 'yaml';
