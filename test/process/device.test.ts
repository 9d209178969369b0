import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, HTTPResponse, Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { admin, createDeviceWorld, type DeviceWorld, password, person } from '../http/device.ts';
import { openChromium, withChromium } from './chromium.ts';
import { ended, newMachine } from './machine.ts';

let world: DeviceWorld;
let chromium: Awaited<ReturnType<typeof openChromium>>;
beforeAll(async () => {
  world = await createDeviceWorld();
  chromium = await openChromium();
});
afterAll(async () => {
  await chromium?.close();
  await world?.close();
});

let context: BrowserContext;
let page: Page;
/** What the browser complains of, such as a style that the policy doesn't let in. */
let complaints: string[];
beforeEach(async () => {
  // So that tries of one test don't count for the next.
  world.vault.clock.now += 2 * 3_600_000;
  context = await chromium.browser.createBrowserContext();
  page = await context.newPage();
  complaints = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
});
afterEach(() => context.close());

/** What a person would read. */
const seen = (): Promise<string> => page.$eval('main', (main) => (main as unknown as { innerText: string }).innerText);

const textOf = (selector: string): Promise<string | null> => page.$eval(selector, ({ textContent }) => textContent);

/** Opens what a program printed, as a terminal does. */
const open = async (url: string): Promise<number> => (await page.goto(url))?.status() ?? 0;

const press = async (name: string): Promise<HTTPResponse | null> => {
  const button = await page.waitForSelector(`::-p-aria([name="${name}"][role="button"])`);
  const [answered] = await Promise.all([page.waitForNavigation(), button?.click()]);
  return answered;
};

const fill = async (label: string, text: string): Promise<void> => {
  const field = await page.waitForSelector(`::-p-aria([name="${label}"][role="textbox"])`);
  await field?.type(text);
};

const signIn = async (email = person): Promise<void> => {
  await fill('E-mail address', email);
  await fill('Password', password);
  await press('Sign in');
};

const whoIs = async (key: string) => (await world.ask('GET', '/v1/auth/whoami', { key })).body;

withChromium('a program is let in by whoever signs in and confirms', async () => {
  const asked = { mobius_requested_project_handle: 'default', mobius_client: 'mobius', mobius_client_version: '0.1.0' };
  const begun = await world.begin(asked);
  expect((await world.poll(begun.device_code)).body).toMatchObject({ error: 'authorization_pending' });
  expect(await open(begun.verification_uri_complete)).toBe(200);
  await signIn();
  const text = await seen();
  for (const part of [begun.user_code, "ann's laptop", 'mobius 0.1.0', '127.0.0.1', 'the project default alone']) {
    expect(text).toContain(part);
  }
  await press('Confirm');
  expect(await textOf('h1')).toBe('Confirmed');
  expect(await seen()).toContain('You can close this page');
  const { body } = await world.poll(begun.device_code);
  const { access_token: key = '' } = body as { access_token?: string };
  expect(key).toMatch(/^mbc_/);
  expect(await whoIs(key)).toMatchObject({ kind: 'user', email: person, project: 'default' });
  expect(await context.cookies()).toEqual([]);
  expect(complaints).toEqual([]);
});

withChromium('without scripts, on a phone, each page fits and works', async () => {
  await page.setJavaScriptEnabled(false);
  await page.setViewport({ width: 320, height: 568, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
  const titles: (string | null)[] = [];
  const fits = async (): Promise<void> => {
    titles.push(await textOf('h1'));
    const { wide, has, corner } = await page.evaluate(() => {
      const { document, innerWidth, getComputedStyle } = globalThis as unknown as {
        document: { documentElement: { scrollWidth: number }; querySelector(name: string): object };
        innerWidth: number;
        getComputedStyle(element: object): { borderTopLeftRadius: string };
      };
      const corner = getComputedStyle(document.querySelector('main')).borderTopLeftRadius;
      return { wide: document.documentElement.scrollWidth, has: innerWidth, corner };
    });
    expect(wide).toBeLessThanOrEqual(has);
    // The style was let in by the policy.
    expect(corner).toBe('12px');
  };
  const {
    verification_uri: uri,
    user_code: code,
    device_code: device,
  } = await world.begin({ mobius_label: 'W'.repeat(128) });
  await open(uri);
  await fits();
  await fill('E-mail address', admin);
  await fill('Password', 'not-the-password');
  expect((await press('Sign in'))?.status()).toBe(401);
  await fits();
  // The address is still there.
  await fill('Password', password);
  await press('Sign in');
  await fits();
  await fill('Code', code.toLowerCase().replace('-', ' '));
  await press('Go on');
  await fits();
  expect(await seen()).toContain('everything that you may do');
  await press('Confirm');
  await fits();
  expect(titles).toEqual(['Sign in', 'Sign in', 'Enter the code', 'Confirm this login?', 'Confirmed']);
  const { access_token: key = '' } = (await world.poll(device)).body as { access_token?: string };
  expect(await whoIs(key)).toMatchObject({ email: admin, administrator: true });
  expect(complaints.filter((text) => !text.includes('401'))).toEqual([]);
});

withChromium('a login that is refused gets nothing', async () => {
  const begun = await world.begin();
  await open(begun.verification_uri_complete);
  await signIn();
  await press('Refuse');
  expect(await textOf('h1')).toBe('Refused');
  expect(await world.poll(begun.device_code)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
});

withChromium('a login that took too long can not be confirmed any more', async () => {
  const begun = await world.begin();
  await open(begun.verification_uri_complete);
  await signIn();
  world.vault.clock.now += 11 * 60_000;
  expect((await press('Confirm'))?.status()).toBe(404);
  expect(await textOf('[role=alert]')).toContain('expired');
  expect(await world.poll(begun.device_code)).toMatchObject({ status: 400, body: { error: 'expired_token' } });
});

withChromium('who guesses codes waits', async () => {
  const { verification_uri: uri } = await world.begin();
  await open(uri);
  await signIn();
  const statuses: (number | undefined)[] = [];
  for (let count = 0; count < 6; count++) {
    await fill('Code', 'BBBB-BBBB');
    statuses.push((await press('Go on'))?.status());
  }
  expect(statuses).toEqual([404, 404, 404, 404, 404, 429]);
  expect(await textOf('[role=alert]')).toContain('Wait 30 seconds');
});

withChromium(
  'a link from a terminal finds who is signed in, one on another site does not, nor does a form',
  async () => {
    const begun = await world.begin();
    const action = new URL('/device/decide', world.url).href;
    const site = createServer((_, response) => {
      response.setHeader('Content-Type', 'text/html').end(`<a href="${begun.verification_uri_complete}">Go on</a>
<form method="post" action="${action}"><input type="hidden" name="user_code" value="${begun.user_code}">
<button name="decision" value="confirm">Win</button></form>`);
    }).listen(0, '127.0.0.1');
    await once(site, 'listening');
    const elsewhere = `http://localhost:${(site.address() as AddressInfo).port}/`;
    try {
      await open(begun.verification_uri);
      await signIn();
      await open(begun.verification_uri_complete);
      expect(await textOf('h1')).toBe('Confirm this login?');
      await page.goto(elsewhere);
      const [, answered] = await Promise.all([page.click('a'), page.waitForNavigation()]);
      expect([answered?.status(), await textOf('h1')]).toEqual([200, 'Sign in']);
      await signIn();
      expect(await textOf('h1')).toBe('Confirm this login?');
      await page.goto(elsewhere);
      expect((await press('Win'))?.status()).toBe(403);
      expect(await world.poll(begun.device_code)).toMatchObject({ body: { error: 'authorization_pending' } });
      await open(begun.verification_uri_complete);
      expect(await textOf('h1')).toBe('Confirm this login?');
      await press('Sign out');
      expect(await textOf('h1')).toBe('Sign in');
    } finally {
      site.close();
      site.closeAllConnections();
    }
  },
);

withChromium('the command line says where to go, waits, and is logged in', async () => {
  const machine = newMachine();
  const passing = setInterval(() => {
    world.vault.clock.now += 1000;
  }, 1000);
  const child = machine.start(
    ['auth', 'login', '--api-url', world.url, '--project', 'default', '--no-browser'],
    ['ignore', 'pipe', 'pipe'],
  );
  try {
    const [, uri = '', code = ''] = await new Promise<RegExpExecArray>((found, failed) => {
      let text = '';
      child.stderr?.on('data', (part) => {
        text += part;
        const said = /open (\S+) and confirm the code ([A-Z]{4}-[A-Z]{4})/.exec(text);
        if (said !== null) found(said);
      });
      child.once('close', () => failed(new Error(text)));
    });
    const end = ended(child);
    await open(uri);
    await signIn();
    await fill('Code', code);
    await press('Go on');
    expect(await seen()).toContain('the project default alone');
    await press('Confirm');
    expect(await end).toMatchObject({ code: 0 });
    const { email, project } = await machine.json('auth', 'whoami', '--api-url', world.url);
    expect({ email, project }).toEqual({ email: person, project: 'default' });
  } finally {
    clearInterval(passing);
    child.kill('SIGKILL');
    machine.remove();
  }
});
