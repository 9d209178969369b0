import type { Dialect } from './dialect.ts';

/** Every system that is spoken besides our own; each is loaded when it is asked for. */
const dialects = {
  mobilenext: async () => (await import('./mobilenext.ts')).mobilenext,
  mobula: async () => (await import('./mobula.ts')).mobula,
  mutx: async () => (await import('./mutx.ts')).mutx,
} as const satisfies Readonly<Record<string, () => Promise<Dialect>>>;

export type DialectName = keyof typeof dialects;

export const dialectNames = Object.keys(dialects) as readonly DialectName[];

export const isDialect = (text: string): text is DialectName => Object.hasOwn(dialects, text);

export const dialectOf = (name: DialectName): Promise<Dialect> => dialects[name]();
