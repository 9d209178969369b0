import { encoded, form } from './device.ts';
import type { Answered, HttpWorld } from './world.ts';

/** What a browser keeps, and what it sends of itself with a form. */
export interface Browser {
  cookies: Map<string, string>;
  page: Answered;
  get(path: string): Promise<Answered>;
  /** Submits the form of the last page that goes there, with what a person filled in or pressed. */
  submit(path: string, fields?: Record<string, string>, headers?: Record<string, string>): Promise<Answered>;
}

export const unescaped = (text: string): string =>
  text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

export const hiddenIn = (html: string, path: string): Record<string, string> => {
  const [, inside = ''] = new RegExp(`<form method="post" action="[^"]*${path}">(.*?)</form>`, 's').exec(html) ?? [];
  const found = inside.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g);
  return Object.fromEntries([...found].map(([, name = '', value = '']) => [name, unescaped(value)]));
};

export const openBrowser = ({ ask, url }: Pick<HttpWorld, 'ask' | 'url'>): Browser => {
  const cookies = new Map<string, string>();
  const keep = (answered: Answered): Answered => {
    for (const line of answered.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/Max-Age=0(;|$)/.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    browser.page = answered;
    return answered;
  };
  const cookie = (): Record<string, string> =>
    cookies.size === 0 ? {} : { Cookie: [...cookies].map((pair) => pair.join('=')).join('; ') };
  const browser: Browser = {
    cookies,
    page: { status: 0, headers: {}, text: '', body: undefined },
    get: async (path) => keep(await ask('GET', path, { headers: cookie() })),
    submit: async (path, fields = {}, headers = {}) => {
      const body = encoded({ ...hiddenIn(browser.page.text, path), ...fields });
      const sent = { ...cookie(), 'Content-Type': form, Origin: url, ...headers };
      return keep(await ask('POST', path, { headers: sent, body }));
    },
  };
  return browser;
};
