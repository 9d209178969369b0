import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Browser, launch } from 'puppeteer-core';
import { withTools } from './machine.ts';

const found = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  ...(process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name))),
].find((path) => path !== undefined && existsSync(path));

export const withChromium = withTools(found ?? 'chromium');

/** A browser that has been nowhere yet, and that finds nothing but this machine. */
export const openChromium = async (): Promise<{ browser: Browser; close(): Promise<void> }> => {
  if (found === undefined) throw new Error('no Chromium here: name one in CHROMIUM_PATH');
  const profile = mkdtempSync(join(tmpdir(), 'mobius-chromium-'));
  const remove = (): void => rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  try {
    const browser = await launch({
      executablePath: found,
      userDataDir: profile,
      env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--no-proxy-server',
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
      ],
    });
    return {
      browser,
      async close() {
        await browser.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
};
