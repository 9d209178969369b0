import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withTools } from '../process/machine.ts';
import { admin, createDeviceWorld, type DeviceWorld, encoded, form, password, person } from './device.ts';
import { type Browser, hiddenIn, openBrowser, unescaped } from './device-browser.ts';
import { type Answered, createHttpWorld } from './world.ts';

let world: DeviceWorld;
beforeAll(async () => {
  world = await createDeviceWorld();
});
afterAll(() => world.close());
// So that tries of one test don't count for the next.
beforeEach(() => {
  world.vault.clock.now += 2 * 3_600_000;
});

const session = 'mobius_device_session';

const signedIn = async (path = '/device', email = person): Promise<Browser> => {
  const browser = openBrowser(world);
  await browser.get(path);
  const { status, headers } = await browser.submit('/device/sign-in', { email, password });
  expect({ status, location: headers.location }).toEqual({ status: 303, location: path });
  await browser.get(headers.location ?? '');
  return browser;
};

const alertIn = ({ text }: Answered): string | undefined => /role="alert">([^<]*)</.exec(text)?.[1];
const titleOf = ({ text }: Answered): string | undefined => /<h1>([^<]*)</.exec(text)?.[1];

const lastState = (): unknown =>
  world.vault.rows<{ state: string }>('select state from device_codes order by id').at(-1)?.state;

describe('who confirms', () => {
  test.each([
    { decision: 'confirm', title: 'Confirmed', state: 'approved', told: { token_type: 'Bearer' } },
    { decision: 'refuse', title: 'Refused', state: 'refused', told: { error: 'access_denied' } },
  ])('signs in, sees who asks, and can $decision', async ({ decision, title, state, told }) => {
    const begun = await world.begin({ mobius_client: 'mobius', mobius_requested_project_handle: 'default' });
    const browser = await signedIn(`/device?user_code=${begun.user_code}`);
    expect(browser.page.status).toBe(200);
    const seen = unescaped(browser.page.text);
    for (const part of [begun.user_code, "ann's laptop", 'mobius', '127.0.0.1', 'the project <bdi>default', person]) {
      expect(seen).toContain(part);
    }
    expect(lastState()).toBe('pending');
    const done = await browser.submit('/device/decide', { decision });
    expect({ status: done.status, title: titleOf(done) }).toEqual({ status: 200, title });
    expect(lastState()).toBe(state);
    expect([...browser.cookies.keys()]).toEqual([]);
    expect((await world.poll(begun.device_code)).body).toMatchObject(told);
  });

  test('types the code in whatever way, and for no project it is for everything', async () => {
    const { user_code: code } = await world.begin();
    const browser = await signedIn();
    expect(titleOf(browser.page)).toBe('Enter the code');
    const typed = encodeURIComponent(` ${code.toLowerCase().replace('-', ' ')} `);
    expect((await browser.get(`/device?user_code=${typed}`)).text).toContain('everything that you may do');
  });

  test('has a session that ends with the decision', async () => {
    const { user_code: code } = await world.begin();
    const browser = await signedIn(`/device?user_code=${code}`);
    const jwt = browser.cookies.get(session) ?? '';
    expect((await world.ask('GET', '/v1/auth/whoami', { key: jwt })).status).toBe(200);
    await browser.submit('/device/decide', { decision: 'confirm' });
    expect((await world.ask('GET', '/v1/auth/whoami', { key: jwt })).status).toBe(401);
  });

  test('can sign out, and signs in again where the session is over', async () => {
    const { user_code: code } = await world.begin();
    const browser = await signedIn(`/device?user_code=${code}`);
    const jwt = browser.cookies.get(session) ?? '';
    const out = await browser.submit('/device/sign-out');
    expect({ status: out.status, location: out.headers.location }).toEqual({ status: 303, location: '/device' });
    expect((await world.ask('GET', '/v1/auth/whoami', { key: jwt })).status).toBe(401);
    browser.cookies.set(session, jwt);
    const again = await browser.get(`/device?user_code=${code}`);
    expect({ status: again.status, title: titleOf(again) }).toEqual({ status: 401, title: 'Sign in' });
    expect(browser.cookies.has(session)).toBe(false);
    expect(hiddenIn(again.text, '/device/sign-in').user_code).toBe(code);
    expect((await browser.submit('/device/sign-in', { email: person, password })).status).toBe(303);
  });

  test('ends the session before when signing in twice', async () => {
    const browser = await signedIn();
    const before = browser.cookies.get(session) ?? '';
    // As from a link on another site, which brings no session along.
    browser.cookies.delete(session);
    await browser.get('/device');
    browser.cookies.set(session, before);
    const { status } = await browser.submit('/device/sign-in', { email: admin, password });
    expect(status).toBe(303);
    expect((await world.ask('GET', '/v1/auth/whoami', { key: before })).status).toBe(401);
  });
});

describe('a code that can not be decided', () => {
  test('is wrong, no code at all, or decided: a page says so', async () => {
    const browser = await signedIn();
    const statusOf = async (path: string) => {
      const answered = await browser.get(path);
      return [answered.status, alertIn(answered)?.split(/[.:]/)[0]];
    };
    expect(await statusOf('/device?user_code=BBBB-BBBB')).toEqual([404, 'No login waits for this code']);
    expect(await statusOf(`/device?user_code=${'B'.repeat(40)}`)).toEqual([400, 'This is no code']);
    const { user_code: code } = await world.begin();
    await browser.get(`/device?user_code=${code}`);
    await browser.submit('/device/decide', { decision: 'refuse' });
    const later = await signedIn();
    const answered = await later.get(`/device?user_code=${code}`);
    expect([answered.status, alertIn(answered)]).toEqual([409, expect.stringContaining('decided already')]);
  });

  test('was decided between the look and the button', async () => {
    const { user_code: code } = await world.begin();
    const [one, two] = [await signedIn(`/device?user_code=${code}`), await signedIn(`/device?user_code=${code}`)];
    await one.submit('/device/decide', { decision: 'refuse' });
    const answered = await two.submit('/device/decide', { decision: 'confirm' });
    expect([answered.status, lastState()]).toEqual([409, 'refused']);
    expect(alertIn(answered)).toContain('decided already');
  });

  test('is expired', async () => {
    const { user_code: code } = await world.begin();
    const browser = await signedIn(`/device?user_code=${code}`);
    world.vault.clock.now += 11 * 60_000;
    const answered = await browser.submit('/device/decide', { decision: 'confirm' });
    expect([answered.status, alertIn(answered)]).toEqual([404, expect.stringContaining('expired')]);
  });

  test('asks for a project that the person is not in, and can be refused alone', async () => {
    await world.vault.owner('projects.create', { name: 'Other', handle: 'other' });
    const { user_code: code } = await world.begin({ mobius_requested_project_handle: 'other' });
    const browser = await signedIn(`/device?user_code=${code}`);
    const answered = await browser.submit('/device/decide', { decision: 'confirm' });
    expect([answered.status, unescaped(alertIn(answered) ?? '')]).toEqual([404, expect.stringContaining('"other"')]);
    expect(lastState()).toBe('pending');
    expect((await browser.submit('/device/decide', { decision: 'refuse' })).status).toBe(200);
  });
});

describe('guesses', () => {
  test('of a password make one wait, and a right one does not help', async () => {
    const browser = openBrowser(world);
    await browser.get('/device');
    const statuses: number[] = [];
    for (let count = 0; count < 6; count++) {
      const tried = { email: person, password: count === 5 ? password : 'wrong-password' };
      statuses.push((await browser.submit('/device/sign-in', tried)).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
    expect(browser.page.headers['retry-after']).toBe('30');
    expect(alertIn(browser.page)).toBe('There were too many tries. Wait 30 seconds, then try again.');
    expect(browser.page.text).toContain(`value="${person}"`);
    expect(browser.page.text).not.toContain('wrong-password');
    world.vault.clock.now += 31_000;
    expect((await browser.submit('/device/sign-in', { email: person, password })).status).toBe(303);
  });

  test('of a code make one wait', async () => {
    const { user_code: code } = await world.begin();
    const browser = await signedIn();
    const statuses: number[] = [];
    for (let count = 0; count < 5; count++) statuses.push((await browser.get('/device?user_code=BBBB-BBBB')).status);
    statuses.push((await browser.get(`/device?user_code=${code}`)).status);
    expect(statuses).toEqual([404, 404, 404, 404, 404, 429]);
    expect(browser.page.headers['retry-after']).toBe('30');
    expect(alertIn(browser.page)).toContain('Wait 30 seconds');
  });

  test('are not counted for a person whose session a link on another site can not bring', async () => {
    const browser = openBrowser(world);
    await browser.get('/device');
    const { headers } = await browser.submit('/device/sign-in', { email: person, password });
    for (const line of headers['set-cookie'] ?? []) {
      expect(line).toMatch(/; Path=\/device; HttpOnly; SameSite=Strict$/);
    }
  });
});

describe('a form from elsewhere', () => {
  const elsewhere: Record<string, Record<string, string>> = {
    'another site': { Origin: 'https://evil.example.com' },
    'a page that hides where it is': { Origin: 'null' },
    'another port': { Origin: 'http://127.0.0.1:1' },
    'a browser that names none': { Origin: '' },
  };

  test.each(Object.entries(elsewhere))('of %s does nothing', async (_, headers) => {
    const { user_code: code } = await world.begin();
    const browser = await signedIn(`/device?user_code=${code}`);
    const page = browser.page;
    for (const [path, fields] of [
      ['/device/decide', { decision: 'confirm' }],
      ['/device/sign-out', {}],
    ] as const) {
      browser.page = page;
      expect((await browser.submit(path, fields, headers)).status).toBe(403);
    }
    expect(lastState()).toBe('pending');
    const stranger = openBrowser(world);
    await stranger.get('/device');
    expect((await stranger.submit('/device/sign-in', { email: person, password }, headers)).status).toBe(403);
    expect(stranger.cookies.has(session)).toBe(false);
  });

  test('is told from one of ours by a browser that leaves the origin out', async () => {
    const browser = openBrowser(world);
    const page = await browser.get('/device');
    const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
    const body = encoded({ ...hiddenIn(page.text, '/device/sign-in'), email: person, password });
    const statuses: number[] = [];
    for (const site of ['cross-site', 'same-site', 'none', 'same-origin']) {
      const headers = { Cookie: cookie, 'Content-Type': form, 'Sec-Fetch-Site': site };
      statuses.push((await world.ask('POST', '/device/sign-in', { headers, body })).status);
    }
    expect(statuses).toEqual([403, 403, 403, 303]);
  });

  test('lacks what its browser has while one session lasts', async () => {
    const { user_code: code } = await world.begin();
    const browser = await signedIn(`/device?user_code=${code}`);
    const { form: token = '' } = hiddenIn(browser.page.text, '/device/decide');
    const other = await signedIn(`/device?user_code=${code}`);
    const statuses: number[] = [];
    for (const wrong of ['', 'x', token]) {
      statuses.push(
        (await other.submit('/device/decide', { user_code: code, decision: 'confirm', form: wrong })).status,
      );
    }
    expect(statuses).toEqual([403, 403, 403]);
    // Planted together with a cookie, it fits no session but the one it was made in.
    for (const [name, value] of browser.cookies) if (name !== session) other.cookies.set(name, value);
    const planted = { user_code: code, decision: 'confirm', form: token };
    expect((await other.submit('/device/decide', planted)).status).toBe(403);
    expect(lastState()).toBe('pending');
  });

  test('is no form, or says a thing twice: a page says so', async () => {
    const browser = openBrowser(world);
    const page = await browser.get('/device');
    const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
    const { form: token = '' } = hiddenIn(page.text, '/device/sign-in');
    const post = (body: string, type = form) =>
      world.ask('POST', '/device/sign-in', {
        headers: { Cookie: cookie, 'Content-Type': type, Origin: world.url },
        body,
      });
    const answers = [
      await post(`form=${token}&email=a&email=b`),
      await post('{}', 'application/json'),
      await post('form=%zz'),
      await post(`form=${'x'.repeat(20_000)}`),
      await world.ask('GET', '/device?user_code=%zz'),
      await world.ask('GET', '/device?user_code=a&user_code=b'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 415, 400, 413, 400, 400]);
    for (const { headers, text } of answers) {
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(text).toContain('<a href="/device">Begin again</a>');
    }
  });
});

test('what asks can not write into the page', async () => {
  const hostile = `<script>alert(1)</script>"'\`&\u202egnp`;
  const { user_code: code } = await world.begin({ mobius_label: hostile, mobius_client: '<img src=x onerror=y>' });
  const browser = await signedIn(`/device?user_code=${code}`);
  for (const text of [browser.page.text, (await browser.submit('/device/decide', { decision: 'refuse' })).text]) {
    expect(text).not.toMatch(/<script|<img|\u202e/);
    expect(unescaped(text)).toContain(`<script>alert(1)</script>"'\`&\\u{202e}gnp`);
  }
  const stranger = openBrowser(world);
  await stranger.get(`/device?user_code=${encodeURIComponent('"><script>')}`);
  expect(stranger.page.text).not.toContain('<script');
  await stranger.submit('/device/sign-in', { email: '"><script>', password: 'x' });
  expect(stranger.page.status).toBe(400);
  expect(stranger.page.text).not.toContain('<script');
  expect(hiddenIn(stranger.page.text, '/device/sign-in').user_code).toBe('"><script>');
});

test('no page obeys anything but its own style', async () => {
  const browser = openBrowser(world);
  const pages = [await browser.get('/device'), await browser.submit('/device/decide', {}, { Origin: 'null' })];
  for (const { headers, text } of pages) {
    const [, css = ''] = /<style>(.*?)<\/style>/s.exec(text) ?? [];
    const hash = createHash('sha256').update(css).digest('base64');
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    );
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'content-type': 'text/html; charset=utf-8',
    });
    expect(text).not.toMatch(/<script|style=|\bon\w+=|https?:/);
  }
});

test('a reload of what a form answered leads back', async () => {
  for (const name of ['sign-in', 'decide', 'sign-out']) {
    const { status, headers } = await world.ask('GET', `/device/${name}`);
    expect([status, headers.location]).toEqual([303, '/device']);
  }
});

describe('where people reach it under another name', () => {
  let proxied: DeviceWorld;
  beforeAll(async () => {
    proxied = await createDeviceWorld({ publicUrl: 'https://mobius.example.com/keys', behindProxy: true });
  });
  afterAll(() => proxied.close());

  test('forms, cookies and the origin are of that name', async () => {
    const { verification_uri: uri, user_code: code } = await proxied.begin();
    expect(uri).toBe('https://mobius.example.com/keys/device');
    const browser = openBrowser({ ask: proxied.ask, url: 'https://mobius.example.com' });
    await browser.get(`/device?user_code=${code}`);
    expect(browser.page.text).toContain('action="/keys/device/sign-in"');
    const { status, headers } = await browser.submit('/device/sign-in', { email: person, password });
    expect([status, headers.location]).toEqual([303, `/keys/device?user_code=${code}`]);
    expect(headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^__Secure-mobius_device_session=eyJ[^;]+; Max-Age=900; Path=\/keys\/device; HttpOnly; SameSite=Strict; Secure$/,
      ),
    ]);
    await browser.get(`/device?user_code=${code}`);
    const byAddress = await browser.submit('/device/decide', { decision: 'confirm' }, { Origin: proxied.url });
    expect(byAddress.status).toBe(403);
    expect(byAddress.text).toContain('href="https://mobius.example.com/keys/device"');
  });
});

test('the log holds neither codes nor names, and a fault inside is no stack on the page', async () => {
  const { user_code: code } = await world.begin();
  const browser = await signedIn(`/device?user_code=${code}`);
  await browser.submit('/device/decide', { decision: 'confirm' });
  for (const told of [code, code.replace('-', ''), person, admin, 'eyJ', password])
    expect(world.log()).not.toContain(told);
  expect(world.entries().filter(({ operation }) => operation === 'device-page')).not.toEqual([]);
  expect((await world.ask('GET', '/metrics')).text).toContain('operation="device-page"');
});

describe('where something breaks inside', () => {
  let broken: Awaited<ReturnType<typeof createHttpWorld>>;
  beforeEach(async () => {
    broken = await createHttpWorld();
  });
  afterEach(() => broken.close());

  test('the page says so, and the log says more', async () => {
    const browser = openBrowser(broken);
    await browser.get('/device');
    broken.vault.edit((file) => file.exec('drop table users'));
    const { status, text, headers } = await browser.submit('/device/sign-in', { email: person, password });
    expect([status, headers['content-type']]).toEqual([500, 'text/html; charset=utf-8']);
    expect(text).not.toMatch(/sqlite|table|\.ts|node:/i);
    expect(broken.entries().filter(({ level }) => level === 'error')).toMatchObject([
      { request_id: headers['x-request-id'], stack: expect.any(String) },
    ]);
  });
});

withTools('openssl')('over TLS of its own no cookie goes out in the clear', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-tls-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  spawnSync('openssl', [...made, '-subj', '/CN=localhost', '-keyout', key, '-out', cert]);
  const served = await createHttpWorld({ tls: { cert: readFileSync(cert), key: readFileSync(key) } });
  try {
    const asked = httpsRequest(`${served.url}/device`, { rejectUnauthorized: false, agent: false });
    const answered = once(asked, 'response');
    asked.end();
    const [{ headers }] = await answered;
    expect(headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^__Secure-mobius_device_browser=[\w-]{43}; Path=\/device; HttpOnly; SameSite=Strict; Secure$/,
      ),
    ]);
  } finally {
    await served.close();
    rmSync(folder, { recursive: true });
  }
});
