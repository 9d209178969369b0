/** Which methods a path takes. */
export interface Allowed {
  note(route: { method: string | readonly string[]; url: string }): void;
  /** Empty for a path that nothing is at. */
  at(target: string): string[];
}

const patternOf = (url: string): RegExp => {
  const segments = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${segments.join('/')}$`);
};

export const openAllowed = (): Allowed => {
  const routes: { pattern: RegExp; methods: readonly string[] }[] = [];
  return {
    note: ({ method, url }) => void routes.push({ pattern: patternOf(url), methods: [method].flat() }),
    at: (target) => {
      const [path = ''] = target.split(/[?#]/, 1);
      const methods = routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods);
      return methods.length === 0 ? [] : [...new Set([...methods, 'OPTIONS'])].sort();
    },
  };
};
