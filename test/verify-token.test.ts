import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newSigningKey, signEd25519, verifyEd25519 } from '../src/crypto.ts';
import { TokenError, type TokenFault, type VerifyOptions, verifyToken } from '../src/verify-token.ts';

/** RFC 8037, appendix A: the key, its thumbprint, and what it signed. */
const rfc8037 = {
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  thumbprint: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  signed: 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc',
  signature: 'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
};
const privateKey = Buffer.concat([
  Buffer.from('302e020100300506032b657004220420', 'hex'),
  Buffer.from(rfc8037.d, 'base64url'),
]).toString('base64');

const kid = 'sgn_01m7ys6w0neher5bxscj9yd90g';
const key = { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid, x: rfc8037.x };
const other = newSigningKey();
const otherKid = 'sgn_01m7ys6w32etfthsfj0gdkmskh';
const jwks = { keys: [{ ...key, kid: otherKid, x: other.publicKey }, key] };

const made = 1_800_000_000;
const header = { alg: 'EdDSA', typ: 'at+jwt', kid };
const claims = {
  iss: 'vlt_01m7ys6w0neher5bxscj9yd90g',
  sub: 'prin_01m7ys6w2zeyvb118zk5nzq6p4',
  aud: 'default',
  iat: made,
  nbf: made,
  exp: made + 60,
  azp: 'key_01m7ys6w32etfthsfj0gdkmskh',
  scope: 'actions.execute.deploy.* mobius.work.execute',
  jti: '01a1f1e3-7015-7449-85f5-d9649d3f2410',
};
const options: VerifyOptions = { jwks, issuer: claims.iss, audience: claims.aud, now: made * 1000 };

const part = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const signedBy = (secret: string, head: string, body: string): string =>
  `${head}.${body}.${Buffer.from(signEd25519(secret, Buffer.from(`${head}.${body}`))).toString('base64url')}`;
/** As the server makes one: either half can be another, as a value or as the text of its JSON. */
const token = (body: object | string = claims, head: object | string = header): string =>
  signedBy(privateKey, part(head), part(body));
const good = token();

const faultOf = (text: string, more: Partial<VerifyOptions> = {}): TokenFault | undefined => {
  try {
    verifyToken(text, { ...options, ...more });
    return undefined;
  } catch (error) {
    if (error instanceof TokenError) return error.code;
    throw error;
  }
};

describe('RFC 8037, appendix A', () => {
  const message = Buffer.from(rfc8037.signed);
  const signature = Buffer.from(rfc8037.signature, 'base64url');

  test('the key signs as it is written there, and what it signed verifies', () => {
    expect(Buffer.from(signEd25519(privateKey, message)).toString('base64url')).toBe(rfc8037.signature);
    expect(verifyEd25519(rfc8037.x, message, signature)).toBe(true);
    const { kty, crv, x } = key;
    expect(createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url')).toBe(rfc8037.thumbprint);
  });

  test('no bit of the signature or the message can be another', () => {
    for (const bytes of [signature, message]) {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flip = (): void => void bytes.writeUInt8((bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
        flip();
        expect({ bit, verifies: verifyEd25519(rfc8037.x, message, signature) }).toEqual({ bit, verifies: false });
        flip();
      }
    }
    expect(verifyEd25519(other.publicKey, message, signature)).toBe(false);
  });

  test('what it signed is no token all the same', () => {
    const jws = `${rfc8037.signed}.${rfc8037.signature}`;
    expect(faultOf(jws, { jwks: { keys: [{ ...key, kid: undefined }] } })).toBe('wrong_type');
  });
});

describe('a good token', () => {
  test('says what it says, and its permissions one by one', () => {
    const { azp: _, ...byOwner } = claims;
    const permissions = ['actions.execute.deploy.*', 'mobius.work.execute'];
    expect(verifyToken(good, options)).toEqual({ ...claims, permissions });
    expect(verifyToken(token(byOwner), options)).toEqual({ ...byOwner, permissions });
    expect(verifyToken(token({ ...claims, scope: '' }), options)).toMatchObject({ scope: '', permissions: [] });
  });

  test('can be signed by another make', async () => {
    const secret = await importJWK({ ...key, d: rfc8037.d });
    const { exp, ...rest } = claims;
    const text = await new SignJWT(rest).setProtectedHeader(header).setExpirationTime(exp).sign(secret);
    expect(verifyToken(text, options)).toMatchObject(claims);
  });

  test.each([
    ['mobius.work.execute', 'mobius.work.execute', undefined],
    ['mobius.*', 'mobius.work.execute', undefined],
    ['mobius.work.*', 'mobius.work.execute', undefined],
    ['mobius.work.*', 'mobius.work.*', undefined],
    ['mobius.work.*', 'mobius.*', 'missing_permission'],
    ['mobius.work.*', 'mobius.workers', 'missing_permission'],
    ['mobius.secrets.use', 'mobius.secrets.used', 'missing_permission'],
    ['mobius.secrets.use', 'mobius.secrets', 'missing_permission'],
    ['', 'mobius.work.execute', 'missing_permission'],
  ])('that carries "%s", asked for %s: %s', (scope, permission, fault) => {
    expect(faultOf(token({ ...claims, scope }), { permission })).toBe(fault);
  });
});

describe('the clock, to the second', () => {
  const at = (ms: number, more: Partial<VerifyOptions> = {}) => faultOf(good, { now: ms, ...more });
  const [nbf, exp] = [claims.nbf * 1000, claims.exp * 1000];

  test('its beginning may lie five seconds ahead, and no more', () => {
    expect(at(nbf - 6_000)).toBe('not_yet_valid');
    expect(at(nbf - 5_001)).toBe('not_yet_valid');
    expect(at(nbf - 5_000)).toBeUndefined();
    expect(at(nbf - 1, { clockToleranceSeconds: 0 })).toBe('not_yet_valid');
    expect(at(nbf, { clockToleranceSeconds: 0 })).toBeUndefined();
    expect(at(nbf - 30_000, { clockToleranceSeconds: 30 })).toBeUndefined();
  });

  test('its end is exact, whatever is tolerated', () => {
    expect(at(exp - 1_000)).toBeUndefined();
    expect(at(exp - 1)).toBeUndefined();
    expect(at(exp)).toBe('expired');
    expect(at(exp, { clockToleranceSeconds: 60 })).toBe('expired');
    expect(at(exp + 1_000)).toBe('expired');
  });

  test('where no time is told it is the one of this machine', () => {
    const now = Math.floor(Date.now() / 1000);
    expect(faultOf(good, { now: undefined })).toBe('not_yet_valid');
    expect(faultOf(token({ ...claims, nbf: now, exp: now + 60 }), { now: undefined })).toBeUndefined();
  });
});

describe('what is no token of ours', () => {
  const [head = '', body = '', signature = ''] = good.split('.');
  const hs256 = (secret: string | Buffer): string => {
    const signed = `${part({ ...header, alg: 'HS256' })}.${body}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const hmac = createHmac('sha256', Buffer.from(key.x, 'base64url')).update(`${head}.${body}`).digest('base64url');
  const json = JSON.stringify(claims);
  /** The last character of 64 bytes has four bits that nothing uses. */
  const respelled = `${head}.${body}.${signature.slice(0, -1)}${{ A: 'B', Q: 'R', g: 'h', w: 'x' }[signature.slice(-1)]}`;
  const rest = (less: keyof typeof claims): object => ({ ...claims, [less]: undefined });

  test.each<[string, string, TokenFault]>([
    ['alg none, without a signature', `${part({ ...header, alg: 'none' })}.${body}.`, 'wrong_algorithm'],
    ['alg none, signed', token(claims, { ...header, alg: 'none' }), 'wrong_algorithm'],
    ['alg None', token(claims, { ...header, alg: 'None' }), 'wrong_algorithm'],
    ['no alg', token(claims, { typ: 'at+jwt', kid }), 'wrong_algorithm'],
    ['HS256 with the bytes of the public key', hs256(Buffer.from(key.x, 'base64url')), 'wrong_algorithm'],
    ['HS256 with its text', hs256(key.x), 'wrong_algorithm'],
    ['HS256 with the whole of it', hs256(JSON.stringify(key)), 'wrong_algorithm'],
    ['an HMAC that says EdDSA', `${head}.${body}.${hmac}`, 'bad_signature'],
    ['no signature', `${head}.${body}.`, 'bad_signature'],
    ['a signature of zeros', `${head}.${body}.${part('\0'.repeat(64))}`, 'bad_signature'],
    ['a signature that is short', `${head}.${body}.${signature.slice(0, -4)}`, 'bad_signature'],
    ['a key that is not there', token(claims, { ...header, kid: 'sgn_01m7ys6z00eeytgzmgyk6qk376' }), 'unknown_key'],
    ['the name of another key', token(claims, { ...header, kid: otherKid }), 'bad_signature'],
    ['another key under our name', signedBy(other.privateKey, head, body), 'bad_signature'],
    ['no name of a key', token(claims, { alg: 'EdDSA', typ: 'at+jwt' }), 'malformed'],
    [
      'a key of its own',
      signedBy(other.privateKey, part({ ...header, jwk: { ...key, x: other.publicKey } }), body),
      'bad_signature',
    ],
    ['a payload that was swapped', `${head}.${part({ ...claims, scope: 'mobius.*' })}.${signature}`, 'bad_signature'],
    ['a head that was swapped', `${part({ ...header, x: 1 })}.${body}.${signature}`, 'bad_signature'],
    ['data after the signature', `${good}AAAA`, 'bad_signature'],
    ['an empty fourth part', `${good}.`, 'malformed'],
    ['a fourth part', `${good}.${signature}`, 'malformed'],
    ['two parts', `${head}.${body}`, 'malformed'],
    ['a newline behind it', `${good}\n`, 'malformed'],
    ['a space behind it', `${good} `, 'malformed'],
    ['a space before it', ` ${good}`, 'malformed'],
    ['NUL behind it', `${good}\0`, 'malformed'],
    ['padding', `${good}==`, 'malformed'],
    ['the other base64', `${head}.${body}.${signature.slice(0, -2)}+/`, 'malformed'],
    ['bits that no byte uses', respelled, 'malformed'],
    ['a claim twice', token(`${json.slice(0, -1)},"aud":"default"}`), 'malformed'],
    ['a claim twice, the first another', token(`{"aud":"other",${json.slice(1)}`), 'malformed'],
    ['a head with alg twice', token(claims, `{"alg":"none",${JSON.stringify(header).slice(1)}`), 'malformed'],
    ['JSON with a space', token(`${json} `), 'malformed'],
    ['JSON with an escape', token(json.replace('"default"', '"\\u0064efault"')), 'malformed'],
    ['a number with an exponent', token(json.replace(String(claims.exp), '18000001e2')), 'malformed'],
    ['a list', token('[]'), 'malformed'],
    ['null', token('null'), 'malformed'],
    ['no JSON', token('claims'), 'malformed'],
    ['no UTF-8', signedBy(privateKey, head, Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')), 'malformed'],
    ['crit', token(claims, { ...header, crit: ['exp'] }), 'malformed'],
    ['crit of nothing', token(claims, { ...header, crit: null }), 'malformed'],
    ['the token of a session', token(claims, { ...header, typ: 'session+jwt' }), 'wrong_type'],
    ['typ JWT', token(claims, { ...header, typ: 'JWT' }), 'wrong_type'],
    ['typ in capitals', token(claims, { ...header, typ: 'AT+JWT' }), 'wrong_type'],
    ['no typ', token(claims, { alg: 'EdDSA', kid }), 'wrong_type'],
    ['of another vault', token({ ...claims, iss: 'vlt_01m7zx5t76e70ag3gt2xa1gkrw' }), 'wrong_issuer'],
    ['for another project', token({ ...claims, aud: 'other' }), 'wrong_audience'],
    ['for several projects', token({ ...claims, aud: ['default', 'other'] }), 'malformed'],
    ['without an issuer', token(rest('iss')), 'malformed'],
    ['without an audience', token(rest('aud')), 'malformed'],
    ['without an end', token(rest('exp')), 'malformed'],
    ['without a beginning', token(rest('nbf')), 'malformed'],
    ['without an id', token(rest('jti')), 'malformed'],
    ['without a scope', token(rest('scope')), 'malformed'],
    ['with an end that is text', token({ ...claims, exp: String(claims.exp) }), 'malformed'],
    ['with an end that is no second', token({ ...claims, exp: claims.exp + 0.5 }), 'malformed'],
    ['with a maker that is no text', token({ ...claims, azp: 7 }), 'malformed'],
    ['larger than any of ours', token({ ...claims, more: 'x'.repeat(3_000) }), 'malformed'],
    ['very large', `${good}${'A'.repeat(10_000_000)}`, 'malformed'],
    ['nothing', '', 'malformed'],
    ['dots', '..', 'malformed'],
    ['an API key', 'mbx_thisIsNoKeyButAnExampleOfHowOneLooks00000000000000', 'malformed'],
  ])('%s', (_, text, fault) => {
    expect(faultOf(text)).toBe(fault);
  });

  test('the longest is 4,096 characters', () => {
    const sized = (length: number): string => token({ ...claims, scope: 's'.repeat(length) });
    let scope = 2_000;
    while (sized(scope + 1).length <= 4_096) scope++;
    expect(sized(scope).length).toBeGreaterThan(4_090);
    expect(faultOf(sized(scope))).toBeUndefined();
    expect(faultOf(sized(scope + 4))).toBe('malformed');
  });

  test('one character of it can be no other', () => {
    for (let at = 0; at < good.length; at++) {
      const text = `${good.slice(0, at)}${good[at] === 'A' ? 'B' : 'A'}${good.slice(at + 1)}`;
      expect({ at, fault: faultOf(text) }).not.toEqual({ at, fault: undefined });
    }
  });

  test.each([
    ['no key at all', []],
    ['of another kind', [{ ...key, kty: 'oct' }]],
    ['of another curve', [{ ...key, crv: 'X25519' }]],
    ['for another algorithm', [{ ...key, alg: 'HS256' }]],
    ['to seal with', [{ ...key, use: 'enc' }]],
    ['that is too short', [{ ...key, x: part('short') }]],
    ['that is padded', [{ ...key, x: `${key.x}=` }]],
    ['that is null', [null as unknown as object]],
  ])('where the key of this name is one %s', (_, keys) => {
    expect(faultOf(good, { jwks: { keys } })).toBe('unknown_key');
  });

  test('an error tells nothing of the token', () => {
    for (const text of [`${good}.`, token({ ...claims, aud: 'aud-from-outside' })]) {
      const error = (() => {
        try {
          return verifyToken(text, options);
        } catch (caught) {
          return caught;
        }
      })();
      expect(error).toBeInstanceOf(TokenError);
      expect(error).toMatchObject({ name: 'TokenError' });
      expect(`${(error as Error).stack}`).not.toMatch(/from-outside|eyJ/);
    }
  });
});

test.each<[string, object]>([
  ['issuer', { issuer: undefined }],
  ['issuer', { issuer: '' }],
  ['audience', { audience: undefined }],
  ['audience', { audience: ['default'] }],
  ['jwks', { jwks: undefined }],
  ['jwks', { jwks: {} }],
  ['permission', { permission: '' }],
  ['permission', { permission: null }],
  ['clockToleranceSeconds', { clockToleranceSeconds: Number.POSITIVE_INFINITY }],
  ['clockToleranceSeconds', { clockToleranceSeconds: '5' }],
  ['clockToleranceSeconds', { clockToleranceSeconds: -1 }],
  ['now', { now: Number.NaN }],
  ['now', { now: new Date() }],
])('a mistake in "%s" is said, and checks nothing less: %j', (name, wrong) => {
  const call = (): unknown => verifyToken(good, { ...options, ...wrong } as VerifyOptions);
  expect(call).toThrow(TypeError);
  expect(call).toThrow(`"${name}"`);
});

describe('as it is installed', () => {
  const root = resolve('.');
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'mobius-verify-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules', 'mobius'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const node = (text: string): string =>
    execFileSync(process.execPath, ['--input-type=module', '-e', text], { cwd: folder, encoding: 'utf8' });

  test('it is one small file that loads nothing but cryptography', () => {
    const text = readFileSync('dist/verify-token.js', 'utf8');
    expect(statSync('dist/verify-token.js').size).toBeLessThan(10_000);
    expect([...text.matchAll(/(?:from|import|require)\s*\(?\s*["']([^"']+)/g)].map(([, name]) => name)).toEqual([
      'node:crypto',
    ]);
    expect(text).not.toMatch(/import\.meta|process\.|better-sqlite3|sodium/);
    expect(node(`console.log(Object.keys(await import('mobius/verify-token')).sort().join())`)).toBe(
      'TokenError,verifyToken\n',
    );
  });

  test('it verifies, and nothing else of the package can be reached', () => {
    const text = `
      import { verifyToken } from 'mobius/verify-token';
      console.log(verifyToken(${JSON.stringify(good)}, ${JSON.stringify(options)}).jti);
      console.log(await import('mobius/dist/program/main.cjs').catch(({ code }) => code));`;
    expect(node(text)).toBe(`${claims.jti}\nERR_PACKAGE_PATH_NOT_EXPORTED\n`);
  });

  const compiled = (body: string): string => {
    const text = `import { type Jwks, TokenError, type TokenFault, verifyToken } from 'mobius/verify-token';\n${body}\n`;
    writeFileSync(join(folder, 'service.ts'), text);
    const flags = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022'];
    const tsc = [resolve('node_modules/typescript/bin/tsc'), ...flags, 'service.ts'];
    return spawnSync(process.execPath, tsc, { cwd: folder, encoding: 'utf8' }).stdout;
  };

  test('it has its types with it', () => {
    expect(
      compiled(`
        declare const jwks: Jwks;
        export const check = (token: string): readonly string[] => {
          const claims = verifyToken(token, { jwks, issuer: 'vlt_', audience: 'default', permission: 'mobius.*' });
          const times: number = claims.exp - claims.nbf;
          const maker: string | undefined = claims.azp;
          return [claims.sub, maker ?? String(times), ...claims.permissions];
        };
        export const codeOf = (error: unknown): TokenFault | undefined =>
          error instanceof TokenError ? error.code : undefined;`),
    ).toBe('');
    expect(compiled(`verifyToken('', { jwks: { keys: [] }, issuer: 'vlt_' });`)).toContain("'audience' is missing");
  });
});
