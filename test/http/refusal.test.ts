import { describe, expect, test } from 'vitest';
import { invalidField, MobiusError, notFound } from '../../src/errors.ts';
import { refusalOf } from '../../src/server/answer.ts';

describe('an error as an answer', () => {
  test.each([
    [invalidField('limit', 'must be a whole number'), 400],
    [new MobiusError('unauthorized', 'no'), 401],
    [new MobiusError('permission_denied', 'no'), 403],
    [notFound('secret', 'a'), 404],
    [new MobiusError('conflict', 'no'), 409],
    [new MobiusError('conflict', 'no', { reason: 'version_mismatch' }), 412],
    [new MobiusError('rate_limit_exceeded', 'no'), 429],
    [new MobiusError('locked', 'no'), 503],
    [new MobiusError('unsupported', 'no'), 501],
    [new MobiusError('damaged', 'no'), 500],
    [new TypeError('no'), 500],
    [{ statusCode: 413 }, 413],
    [{}, 500],
  ])('%s has the status %i', (error, status) => {
    expect(refusalOf(error).status).toBe(status);
  });

  test('says when to come again', () => {
    const error = new MobiusError('rate_limit_exceeded', 'no', { retry_after_seconds: 1.2 });
    expect(refusalOf(error).headers).toEqual({ 'Retry-After': '2' });
  });

  test('carries a hint where nobody can derive it, and only then', () => {
    const derived = notFound('secret', 'a');
    expect(derived.hint).toBeDefined();
    expect(refusalOf(derived).body).not.toHaveProperty('error.hint');
    expect(refusalOf(new MobiusError('conflict', 'no', {}, 'wait')).body).toMatchObject({ error: { hint: 'wait' } });
  });

  test.each([new Error('at /srv/vault.db'), new MobiusError('internal', 'at /srv/vault.db', { path: '/srv' }, '/srv')])(
    'says nothing of what is inside',
    (error) => {
      const { body, ours } = refusalOf(error);
      expect(ours).toBe(true);
      expect(body).toEqual({
        error: { code: 'internal', message: 'something went wrong inside the server; its log has the request id' },
      });
    },
  );
});

describe('the same for a device login', () => {
  test.each([
    [new MobiusError('bad_request', 'wait', { oauth: 'authorization_pending' }), 400, 'authorization_pending'],
    [invalidField('device_code', 'is required'), 400, 'invalid_request'],
    [new MobiusError('bad_request', 'no'), 400, 'invalid_request'],
    [new MobiusError('rate_limit_exceeded', 'no'), 429, 'temporarily_unavailable'],
    [new MobiusError('service_unavailable', 'no'), 503, 'temporarily_unavailable'],
    [new Error('no'), 500, 'server_error'],
  ])('%s', (error, status, oauth) => {
    expect(refusalOf(error, 'oauth')).toMatchObject({ status, body: { error: oauth } });
    expect(Object.keys(refusalOf(error, 'oauth').body)).toEqual(['error', 'error_description']);
  });
});
