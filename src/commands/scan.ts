import type { LocalContext } from '../cli/command.ts';
import { localCommand } from '../cli/command.ts';
import { projectOf } from '../cli/destination.ts';
import { letGo, openTarget, type Target } from '../cli/profiles.ts';
import { keyPrefix, keySuffix, parseKey } from '../core/key-format.ts';
import { MobiusError } from '../errors.ts';
import type { Verification } from '../generated/types.ts';
import type { Call } from '../operations.ts';
import type { Needle } from '../use/needles.ts';
import type { Found } from '../use/scan.ts';
import type { Skipped } from '../use/walk.ts';

/** What a key that was found is worth to whoever finds it next. */
type State = 'live' | 'disabled' | 'revoked' | 'expired' | 'unknown';

interface Finding {
  path: string;
  line: number;
  column: number;
  kind: Found['kind'];
  name?: string;
  spelling?: string;
  key_prefix?: string;
  key_suffix?: string;
  key_id?: string;
  state: State;
}

/** Opened when the first asks, and once: whoever is asked for a passphrase is asked once. */
interface Lazily {
  open(): Promise<Target>;
  close(): Promise<void>;
}

const lazily = ({ io, globals, warn }: LocalContext): Lazily => {
  let opened: Promise<Target> | undefined;
  return {
    open() {
      opened ??= openTarget(io, globals);
      return opened;
    },
    async close() {
      const target = await opened?.catch(() => undefined);
      if (target !== undefined) await letGo(target, warn);
    },
  };
};

/** The names of all secrets that have a version in use. */
const namesOf = async (call: Call, project: string): Promise<string[]> => {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await call('secrets.list', { project, limit: 100, ...(cursor === undefined ? {} : { cursor }) });
    for (const { name, enabled_version: version } of page.items) if (version !== undefined) names.push(name);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return names;
};

const needlesOf = async (context: LocalContext, { open }: Lazily): Promise<Needle[]> => {
  const project = await projectOf(context.io, context.globals);
  const { call } = await open();
  const { useSecrets } = await import('../use/resolve.ts');
  const secrets = await namesOf(call, project);
  const used = await useSecrets(async () => ({ call, project, close: async () => undefined }), { texts: {}, secrets });
  return Object.entries(used.secrets).flatMap(([secret, values]) =>
    Object.entries(values).map(([key, value]) => ({ name: `${secret}.${key}`, value })),
  );
};

const stateOf = ({ valid, code }: Verification): State => {
  if (code === 'REVOKED') return 'revoked';
  if (code === 'EXPIRED') return 'expired';
  if (code === 'DISABLED') return 'disabled';
  // One that isn't known here may well open another project or another server.
  return valid || code !== 'NOT_FOUND' ? 'live' : 'unknown';
};

type Known = Pick<Finding, 'key_id' | 'state'>;

/** The key file of a vault and a person's credential are no API keys: no server must be shown one. */
const isAskedFor = (key: string): boolean => {
  const parsed = parseKey(key);
  return parsed.ok && !['mbv_', 'mbc_'].includes(parsed.prefix);
};

/** Asks for each key once. Who may not ask isn't told, and who can't is told why and goes without. */
const keyJudge = ({ io, globals, warn }: LocalContext, { open }: Lazily): ((key: string) => Promise<Known>) => {
  const known = new Map<string, Known>();
  let possible = true;
  const ask = async (key: string): Promise<Known> => {
    if (!possible || !isAskedFor(key)) return { state: 'unknown' };
    try {
      const { call } = await open();
      const answer = await call('api-keys.verify', { project: await projectOf(io, globals), key });
      return { ...(answer.key_id === undefined ? {} : { key_id: answer.key_id }), state: stateOf(answer) };
    } catch (error) {
      if (!(error instanceof MobiusError)) throw error;
      possible = false;
      if (error.code !== 'permission_denied') warn(`can't tell which keys are live: ${error.message}`);
      return { state: 'unknown' };
    }
  };
  return async (key) => {
    const state = known.get(key) ?? (await ask(key));
    known.set(key, state);
    return state;
  };
};

const findingOf = async ({ key, ...found }: Found, judge: (key: string) => Promise<Known>): Promise<Finding> =>
  key === undefined
    ? { ...found, state: 'live' }
    : { ...found, key_prefix: keyPrefix(key), key_suffix: keySuffix(key), ...(await judge(key)) };

const isHarmless = ({ state }: Finding): boolean => state === 'revoked' || state === 'expired';

/** The same for a person: the place as an editor takes it, and what is there. */
const inBrief = ({ path, line, column, kind, name, key_prefix, key_suffix, state }: Finding) => ({
  place: `${path}:${line}:${column}`,
  kind,
  what: name ?? `${key_prefix}...${key_suffix}`,
  state,
});

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** The same, once it is known that there is a first, or that there can be none. */
const begun = async <T>(all: AsyncGenerator<T>): Promise<AsyncGenerator<T>> => {
  const first = await all.next();
  return (async function* () {
    if (first.done === true) return;
    yield first.value;
    yield* all;
  })();
};

const filesOf = async (context: LocalContext, target: Lazily, tell: (what: Skipped) => void) => {
  const { io, rest, flags } = context;
  const [{ makeScanner }, { scanFiles, scanStaged }, { stagedFiles }] = await Promise.all([
    import('../use/scan.ts'),
    import('../use/walk.ts'),
    import('../use/git.ts'),
  ]);
  // No value is used where git has nothing to say.
  const staged = flags.staged === true ? await begun(stagedFiles(io.cwd, io)) : undefined;
  const scanner = makeScanner(flags['no-secrets'] === true ? [] : await needlesOf(context, target));
  const found =
    staged === undefined
      ? scanFiles(rest.length === 0 ? ['.'] : rest, { cwd: io.cwd, scanner, tell })
      : scanStaged(staged, { scanner, tell });
  return { found, leftOut: scanner.leftOut };
};

const scan = async (context: LocalContext, target: Lazily): Promise<number> => {
  const { globals, show, say, note, warn } = context;
  const skipped: Skipped[] = [];
  const { found, leftOut } = await filesOf(context, target, (what) => skipped.push(what));
  const judge = keyJudge(context, target);
  const items: Finding[] = [];
  for await (const one of found) items.push(await findingOf(one, judge));

  const isBrief = globals.output === 'pretty' && globals.fields === undefined;
  show({ items: isBrief ? items.map(inBrief) : items, skipped, left_out: leftOut });
  for (const { path, why, failed } of skipped) if (failed) warn(`"${path}" was not read: ${why}`);
  if (leftOut.length > 0) {
    const names = leftOut.map(({ name, why }) => `"${name}" (${why})`).join(', ');
    note(
      leftOut.length > 3
        ? `not looked for: ${leftOut.length} values that are short or common; their names are in left_out of -o json`
        : `not looked for: ${names}`,
    );
  }
  const keys = items.filter(({ kind }) => kind === 'key').length;
  say(`found ${counted(items.length - keys, 'value')} and ${counted(keys, 'key')}`);
  return items.every(isHarmless) && !skipped.some(({ failed }) => failed) ? 0 : 1;
};

export default localCommand({
  summary: 'find values and API keys that leaked into files',
  about:
    'Looks for the values of all secrets of the project, as they are and in base64, percent-encoded, escaped in JSON ' +
    'or in UTF-16, and for whatever has the shape and the checksum of an API key. Values are never shown. Folders are ' +
    'searched without .git and node_modules, links are not followed. The exit code is 1 where a value was found, or a ' +
    'key that is not known to be revoked or expired, or a file could not be read. Using the values leaves its line in ' +
    'the audit log. As a hook of git: write "exec mobius scan --staged" into .git/hooks/pre-commit and make it ' +
    'executable; for pre-commit, the hook is called mobius-scan.',
  rest: { name: 'paths', description: 'files and folders; this folder when absent', optional: true, takes: 'file' },
  extra: [
    { name: 'staged', description: 'what git would commit next, as it would be committed' },
    { name: 'no-secrets', description: 'look for keys only; no value is used' },
  ],
  examples: ['mobius scan', 'mobius scan --staged', 'mobius scan . --no-secrets -o json | jq .items'],
  related: ['secrets list', 'secrets rotate'],
  async run(context) {
    if (context.flags.staged === true && context.rest.length > 0) {
      throw new MobiusError('usage', `--staged takes no paths, such as "${context.rest[0]}": it is all that is staged`);
    }
    const target = lazily(context);
    try {
      return await scan(context, target);
    } finally {
      await target.close();
    }
  },
});
