import { expect, test } from 'vitest';
import { problemOf } from './contract.ts';

const json = { 'content-type': 'application/json; charset=utf-8', 'x-request-id': 'req_1' };
const project = {
  id: 'prj_1',
  name: 'Acme',
  handle: 'acme',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
};

const heard = (more: object = {}, answer: unknown = project) => ({
  method: 'GET',
  url: '/v1/projects/acme?limit=1',
  status: 200,
  headers: json,
  body: typeof answer === 'string' ? answer : JSON.stringify(answer),
  ...more,
});

test('an answer as it is documented has no problem', () => {
  expect(problemOf(heard())).toBeUndefined();
  expect(problemOf(heard({ method: 'DELETE', status: 204 }, ''))).toBeUndefined();
  const error = { error: { code: 'not_found', message: 'no' } };
  expect(problemOf(heard({ status: 404 }, error))).toBeUndefined();
  const verified = { valid: false, code: 'NOT_FOUND' };
  const verify = { method: 'POST', url: '/v1/projects/default/api-keys/verify' };
  expect(problemOf(heard(verify, verified))).toBeUndefined();
});

test.each([
  [{ url: '/v1/nowhere' }, project, 'no such path is documented'],
  [{ method: 'PUT' }, project, 'no such method is documented'],
  [{ status: 202 }, project, 'its status is not documented'],
  [{ headers: { 'content-type': 'application/json' } }, project, 'it has no X-Request-Id'],
  [{ headers: { ...json, 'content-type': 'text/html' } }, project, 'it is no JSON'],
  [{ method: 'DELETE', status: 204 }, project, 'it has a body'],
  [{ status: 404 }, { error: 'flat' }, 'data/error must be object'],
  [{}, { ...project, handle: 3 }, 'data/handle must be string'],
  [{}, { ...project, created_at: 'yesterday' }, 'data/created_at must match format "date-time"'],
  [{}, 'half', 'not valid JSON'],
])('%j with %j: %s', (more, answer, problem) => {
  expect(problemOf(heard(more, answer))).toContain(problem);
});
