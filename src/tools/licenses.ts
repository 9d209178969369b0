import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from './bundling.ts';

interface Manifest {
  name: string;
  version: string;
  license?: string;
}

const packageOf = (source: string): string | undefined =>
  /^.*(?:^|[\\/])node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(source)?.[0];

const termsOf = (folder: string): string => {
  const {
    name,
    version,
    license = 'unknown',
  } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  return `${name} ${version} (${license})\n${text}`;
};

/** The terms of every package that one of these sources, as the bundler names them, is from. */
export const licensesOf = (sources: readonly string[]): string => {
  const folders = new Set(sources.flatMap((source) => packageOf(source) ?? []));
  const terms = [...folders].map((folder) => termsOf(resolve(root, folder))).sort();
  return terms.join(`\n${'-'.repeat(80)}\n\n`);
};
