import { describe, expect, test } from 'vitest';
import { type Address, namedAddress, parseAddress, tlsFor } from '../src/database-url.ts';
import { MobiusError } from '../src/errors.ts';

const at = (host: string, port = 5432) => ({ host, port });
const plain = { hosts: [at('db')], database: 'd', wanted: 'any' } as const;

describe('an address of a database', () => {
  test.each<[string, Partial<Address>]>([
    ['postgres://db/d', plain],
    ['postgresql://db/d', plain],
    ['postgres://db', { ...plain, database: 'mobius' }],
    ['postgres://ann@db', { ...plain, database: 'ann', user: 'ann' }],
    ['postgres:///d', { ...plain, hosts: [at('localhost')] }],
    ['postgres://ann:p%40ss%2F%3A%3f@db/d', { ...plain, user: 'ann', password: 'p@ss/:?' }],
    ['postgres://ann:a:b@db/d', { ...plain, user: 'ann', password: 'a:b' }],
    ['postgres://ann:@db/d', { ...plain, user: 'ann', password: '' }],
    ['postgres://db/a%2Fb', { ...plain, database: 'a/b' }],
    ['postgres://db:5433/d', { ...plain, hosts: [at('db', 5433)] }],
    ['postgres://[::1]:5433/d', { ...plain, hosts: [at('::1', 5433)] }],
    ['postgres://a,b:5433,[fe80::1]/d', { hosts: [at('a'), at('b', 5433), at('fe80::1')], wanted: 'read-write' }],
    ['postgres://a,b/d?port=1,2', { hosts: [at('a', 1), at('b', 2)] }],
    ['postgres://a,b/d?port=7', { hosts: [at('a', 7), at('b', 7)] }],
    ['postgres://a,b/d?target_session_attrs=any', { wanted: 'any' }],
    ['postgres://db/d?target_session_attrs=prefer-standby', { wanted: 'prefer-standby' }],
    ['postgres:///d?host=/var/run/postgresql', { ...plain, hosts: [at('/var/run/postgresql')] }],
    ['postgres://%2Fvar%2Frun:5433/d', { ...plain, hosts: [at('/var/run', 5433)] }],
    ['postgres://db/d?connect_timeout=7', { ...plain, connectMs: 7000 }],
    ['postgres://db/d?connect_timeout=0', plain],
    ['postgres://db/d?application_name=a+b', { ...plain, application: 'a+b' }],
    [
      'postgres://db/d?sslmode=verify-ca&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem',
      { ...plain, tls: 'verify-ca', rootCertificate: '/ca.pem', certificate: '/c.pem', key: '/k.pem' },
    ],
  ])('%s', (text, address) => {
    const read = parseAddress(text);
    expect(read).toMatchObject(address);
    if (address.database !== undefined) expect(read).toEqual(address);
  });

  test.each([
    ['begins with', 'mysql://ann:hunter2@db/d'],
    ['begins with', 'ann:hunter2@db/d'],
    ['begins with', ''],
    ['names a host', 'postgres://ann:x@hunter2@db/d'],
    ['not encoded', 'postgres://ann:hunter2/x@db/d'],
    ['not encoded', 'postgres://ann:7/hunter2@db/d'],
    ['not encoded', 'postgres://ann:7/hunter2:9'],
    ['not understood', 'postgres://ann:7?hunter2@db/d'],
    ['not understood', 'postgres://ann:7?hunter2=@db/d'],
    ['"options"', 'postgres://ann:hunter2@db/d?options=-cx=y'],
    ['"password"', 'postgres://ann@db/d?password=hunter2'],
    ['"sslmode" twice', 'postgres://ann:hunter2@db/d?sslmode=verify-full&sslmode=disable'],
    ['encoded as', 'postgres://ann:hunter2%zz@db/d'],
    ['can not', 'postgres://ann:hunter2%00@db/d'],
    ['a port', 'postgres://ann:hunter2@db:0/d'],
    ['a port', 'postgres://ann:hunter2@db:65536/d'],
    ['a port', 'postgres://ann:hunter2@db:x/d'],
    ['a host', 'postgres://ann:hunter2@d b/d'],
    ['as many ports', 'postgres://ann:hunter2@a,b,c/d?port=1,2'],
    ['target_session_attrs', 'postgres://ann:hunter2@db/d?target_session_attrs=best'],
    ['sslmode', 'postgres://ann:hunter2@db/d?sslmode=allow'],
    ['connect_timeout', 'postgres://ann:hunter2@db/d?connect_timeout=soon'],
    ['sslcert', 'postgres://ann:hunter2@db/d?sslcert=/c.pem'],
    ['sslrootcert', 'postgres://ann:hunter2@db/d?sslmode=prefer&sslrootcert=/ca.pem'],
    ['sslrootcert=FILE', 'postgres://ann:hunter2@db/d?sslmode=require&sslrootcert=system'],
    ['sslrootcert=FILE', 'postgres://ann:hunter2@db/d?sslmode=verify-ca'],
  ])('one of another kind is refused (%s), and no password told', (words, text) => {
    let refusal: unknown;
    try {
      parseAddress(text);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(MobiusError);
    const { code, message, hint, details } = refusal as MobiusError;
    expect(code).toBe('usage');
    expect(message).toContain(words);
    expect(JSON.stringify([message, hint, details])).not.toContain('hunter2');
  });

  test.each([
    ['postgres://ann:hunter2@db/d', 'postgres://db/d'],
    ['postgresql://ann:hunter2@a:5432,b:5433,[::1]:5434/d?sslmode=require', 'postgres://a,b:5433,[::1]:5434/d'],
    ['postgres://ann:hunter2@/d?host=/var/run/postgresql', 'postgres:///d?host=/var/run/postgresql'],
    ['postgres:///d?host=/a,/b&port=5433', 'postgres:///d?host=/a,/b&port=5433,5433'],
  ])('%s is shown without who goes there', (text, shown) => {
    expect(namedAddress(text)).toBe(shown);
    expect(parseAddress(shown).hosts).toEqual(parseAddress(text).hosts);
  });

  test.each([
    ['postgres://localhost/d', 'prefer'],
    ['postgres://127.0.0.53/d', 'prefer'],
    ['postgres://[::1]/d', 'prefer'],
    ['postgres:///d?host=/var/run/postgresql', 'disable'],
    ['postgres:///d?host=/var/run/postgresql&sslmode=verify-full', 'disable'],
    ['postgres://db.example.com/d', 'verify-full'],
    ['postgres://localhost.example.com/d', 'verify-full'],
    ['postgres://127.0.0.1.example.com/d', 'verify-full'],
    ['postgres://10.0.0.1/d', 'verify-full'],
    ['postgres://localhost/d?sslrootcert=/ca.pem', 'verify-full'],
    ['postgres://db/d?sslmode=disable', 'disable'],
    ['postgres://db/d?sslmode=prefer', 'prefer'],
    ['postgres://db/d?sslmode=require', 'require'],
    ['postgres://db/d?sslmode=require&sslrootcert=/ca.pem', 'verify-ca'],
    ['postgres://localhost/d?sslmode=verify-full', 'verify-full'],
    ['postgres://localhost/d?sslrootcert=system', 'verify-full'],
  ])('%s goes over TLS as %s', (text, mode) => {
    const address = parseAddress(text);
    expect(address.hosts.map((host) => tlsFor(address, host))).toEqual([mode]);
  });
});
