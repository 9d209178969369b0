import { existsSync } from 'node:fs';
import { MobiusError } from '../../errors.ts';
import { operations } from '../../generated/operations.ts';
import type { Io } from '../../io.ts';
import { clockLine } from '../../platform.ts';
import { isAddress } from '../../vault-place.ts';
import type { Profile } from '../credentials.ts';
import { quoted } from '../page.ts';
import { credentialsPath } from '../places.ts';
import { authorityOf } from '../profiles.ts';
import { type Check, type Finding, failed, found } from './finding.ts';

/** Somebody waits; and a server that takes longer is no use to them. */
const patienceMs = 3_000;
const mostSkewMs = 30_000;

/** How a credential lies there, in words that show nothing of it. */
const holds = (
  io: Io,
  { token, access_token: session, refresh_token: refresh, expires_at: end = '' }: Profile,
): string => {
  if (token !== undefined)
    return `${token.startsWith('mbc_') ? 'a CLI credential' : 'a key'} in clear in "${credentialsPath(io)}"`;
  if (session === undefined) return 'signed out';
  const isOver = refresh === undefined && Date.parse(end) <= io.now();
  return `${isOver ? 'a session that has ended' : 'a session'} in "${credentialsPath(io)}"`;
};

const profile = (io: Io, name: string, saved: Profile): Finding => {
  const { api_url: url, vault } = saved;
  const forget = `mobius auth remove ${quoted(name)}`;
  const login = `mobius auth login --profile ${quoted(name)}`;
  const said = (detail: string, mend?: string): Finding => found('profile', `"${name}": ${detail}`, mend);
  if (vault !== undefined) {
    if (isAddress(vault)) return said('a vault in a database');
    return existsSync(vault) ? said(`the vault "${vault}"`) : said(`there is no vault "${vault}"`, forget);
  }
  if (url === undefined) return said('it names neither a server nor a vault', forget);
  const held = holds(io, saved);
  const isOut = /^signed out|ended/.test(held);
  return said(`${url.replace(/^(\w+:\/\/)[^/@]*@/, '$1')}, ${held}`, isOut ? login : undefined);
};

/** Every place that was saved under a name. */
export const profiles: Check = async ({ io }) => {
  if (!existsSync(credentialsPath(io))) return [found('profiles', 'none is saved')];
  const { readCredentials } = await import('../credentials.ts');
  const { default: standard, profiles: saved } = readCredentials(io);
  const findings = [...saved].map(([name, one]) => profile(io, name, one));
  if (standard !== undefined && !saved.has(standard)) {
    findings.unshift(found('profiles', `the default profile "${standard}" is not there`, 'mobius auth use NAME'));
  }
  return findings;
};

const seconds = (ms: number): string => `${Math.round(ms / 1000)} seconds`;

/** Tokens and sessions end at moments that two clocks must agree on. */
const clock = (io: Io, url: string, date: string, askedAt: number, answeredAt: number): Finding => {
  const theirs = Date.parse(date);
  if (Number.isNaN(theirs)) return found('clock', `"${url}" does not tell its time`);
  // The header has whole seconds, and was written between the question and the answer.
  const skew = theirs < askedAt - 1000 ? theirs - askedAt : theirs > answeredAt ? theirs - answeredAt : 0;
  if (Math.abs(skew) <= mostSkewMs) return found('clock', `as that of "${url}"`);
  const detail = `that of "${url}" is ${seconds(Math.abs(skew))} ${skew > 0 ? 'ahead of' : 'behind'} the one here`;
  const line = clockLine(io.platform);
  const mend = line === undefined ? 'have both set by a time server' : `${line}, here or there`;
  return found('clock', detail, mend);
};

export interface Server {
  url: string;
  caFile?: string | undefined;
}

/** Whether it answers at all, and when it thinks it is; rejects with the reason that it doesn't. */
const probed = async (io: Io, { url, caFile }: Server): Promise<readonly Finding[]> => {
  const { openConnection, serverUrl } = await import('../../calls/http.ts');
  const address = serverUrl(url);
  const connection = openConnection(address, { env: io.env, ca: authorityOf(io, caFile), timeoutMs: patienceMs });
  try {
    const askedAt = io.now();
    // Any answer will do, a refusal too: nobody is named, and no server counts that.
    const { path } = operations['auth.whoami'];
    const { headers } = await connection.send({ method: 'GET', path, headers: { Accept: 'application/json' } });
    const isTls = address.protocol === 'https:';
    const how = isTls ? 'over TLS, with a certificate that is trusted here' : 'over plain HTTP';
    return [
      found('server', `"${connection.url}" answers, ${how}`),
      clock(io, connection.url, String(headers.date), askedAt, io.now()),
    ];
  } finally {
    connection.close();
  }
};

/** The server that commands go to. Where it gives no answer, whatever else would be asked of it is not. */
export const reach = async (io: Io, server: Server): Promise<{ findings: readonly Finding[]; answers: boolean }> => {
  try {
    return { findings: await probed(io, server), answers: true };
  } catch (error) {
    return { findings: [failed('target', error)], answers: false };
  }
};

/** The servers that were saved, but for the one that commands go to. */
export const otherServers = async (io: Io, except: string | undefined): Promise<readonly Finding[]> => {
  if (!existsSync(credentialsPath(io))) return [];
  const { readCredentials } = await import('../credentials.ts');
  const servers = new Map<string, Server & { name: string }>();
  for (const [name, { api_url: url, ca_file: caFile }] of readCredentials(io).profiles) {
    if (url !== undefined && url !== except && !servers.has(url)) servers.set(url, { name, url, caFile });
  }
  const findings = await Promise.all(
    [...servers.values()].map(async (server): Promise<readonly Finding[]> => {
      try {
        return await probed(io, server);
      } catch (error) {
        if (!(error instanceof MobiusError)) throw error;
        const forget = `if it is gone for good: mobius auth remove ${quoted(server.name)}`;
        return [found('server', error.message, error.hint === undefined ? forget : `${error.hint}; ${forget}`)];
      }
    }),
  );
  return findings.flat();
};
