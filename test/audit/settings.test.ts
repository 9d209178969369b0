import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type AnchorWords, anchoringOf } from '../../src/audit/settings.ts';
import { fakeIo } from '../cli/fake-io.ts';

const root = mkdtempSync(join(tmpdir(), 'mobius-anchoring-'));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
interface Said {
  config?: string;
  env?: Record<string, string>;
  flags?: AnchorWords;
}
const asked = async ({ config, env = {}, flags }: Said) => {
  const home = join(root, String(++count));
  const folder = join(home, '.config', 'mobius');
  mkdirSync(folder, { recursive: true });
  if (config !== undefined) writeFileSync(join(folder, 'config.toml'), config);
  const { io, stderr } = fakeIo({ home, cwd: join(home, 'here'), env });
  const anchoring = await anchoringOf(io, flags);
  if (anchoring === undefined) return undefined;
  anchoring.tell('it is full');
  expect(stderr()).toBe('mobius: warning: it is full\n');
  const { path, every, required } = anchoring;
  return { path: path.replace(home, '~'), every, required };
};

const config = '[audit]\nanchor = "kept.jsonl"\nanchor_every = 7\nanchor_policy = "required"\n';
const file = { MOBIUS_AUDIT_ANCHOR: 'named.jsonl' };

test.each<[string, Said, object | undefined]>([
  ['nothing', {}, undefined],
  ['an empty config.toml', { config: '' }, undefined],
  ['an empty table', { config: '[audit]' }, undefined],
  ['empty variables', { env: { MOBIUS_AUDIT_ANCHOR: '', MOBIUS_AUDIT_ANCHOR_EVERY: '' } }, undefined],
  ['config.toml', { config }, { path: '~/.config/mobius/kept.jsonl', every: 7, required: true }],
  [
    'a number as text',
    { config: '[audit]\nanchor = "/a"\nanchor_every = "7"' },
    { path: '/a', every: 7, required: false },
  ],
  ['a variable alone', { env: file }, { path: '~/here/named.jsonl', every: 100, required: false }],
  [
    'variables before config.toml, none of which is mixed in',
    { config, env: { ...file, MOBIUS_AUDIT_ANCHOR_EVERY: '2' } },
    { path: '~/here/named.jsonl', every: 2, required: false },
  ],
  [
    'flags before both',
    { config, env: { ...file, MOBIUS_AUDIT_ANCHOR_EVERY: '2' }, flags: { file: '/flagged', policy: 'best-effort' } },
    { path: '/flagged', every: 100, required: false },
  ],
  ['a policy', { flags: { file: '/f', policy: 'required', every: '1' } }, { path: '/f', every: 1, required: true }],
])('%s', async (_, said, anchoring) => {
  expect(await asked(said)).toEqual(anchoring);
});

describe('is refused', () => {
  test.each<[string, Said, string]>([
    ['every without a file', { flags: { every: '3' } }, '--audit-anchor-every says nothing without --audit-anchor'],
    [
      'a policy without a file',
      { env: { MOBIUS_AUDIT_ANCHOR_POLICY: 'required' } },
      'MOBIUS_AUDIT_ANCHOR_POLICY says nothing without MOBIUS_AUDIT_ANCHOR',
    ],
    ['config.toml without a file', { config: '[audit]\nanchor_every = 3' }, 'says nothing without "audit.anchor" of'],
    ...['0', '-1', '1.5', 'many', '1e3', ' 3', '1234567890'].map((every): [string, Said, string] => [
      `every ${every}`,
      { flags: { file: '/f', every } },
      `--audit-anchor-every must be a number of entries, not "${every}"`,
    ]),
    [
      'another policy',
      { env: { ...file, MOBIUS_AUDIT_ANCHOR_POLICY: 'Required' } },
      'must be required or best-effort, not "Required"',
    ],
    ['no TOML', { config: 'audit = [' }, "can't be read"],
    ['another table', { config: '[audits]\nanchor = "a"' }, 'holds "audits", which means nothing there'],
    ['another name', { config: '[audit]\nanchors = "a"' }, 'holds "audit.anchors", which means nothing there'],
    ['no text', { config: '[audit]\nanchor = true' }, '"audit.anchor" of'],
    ['no table', { config: 'audit = "anchors.jsonl"' }, 'which means nothing there'],
  ])('%s', async (_, said, message) => {
    await expect(asked(said)).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining(message) });
  });
});
