import type { LocalContext } from '../cli/command.ts';
import { localCommand } from '../cli/command.ts';
import { projectOf } from '../cli/destination.ts';
import { letGo, openTarget } from '../cli/profiles.ts';
import { progressOn } from '../cli/progress.ts';
import { MobiusError } from '../errors.ts';
import type { Call } from '../operations.ts';
import type { Found, FoundSecret } from '../use/exports.ts';

const formats = ['dotenv', 'json', 'vault-kv', 'doppler'] as const;
type Format = (typeof formats)[number];

const usage = (message: string, hint?: string): MobiusError => new MobiusError('usage', message, {}, hint);

const formatOf = async (typed: string | undefined): Promise<Format> => {
  const known = formats.find((one) => one === typed);
  if (known !== undefined) return known;
  const { oneOf } = await import('../cli/suggest.ts');
  throw await oneOf('<format>', typed ?? '', formats);
};

const read = async (format: Format, text: string, said: string): Promise<Found> => {
  const { readDoppler, readDotenv, readJson, readVaultKv } = await import('../use/exports.ts');
  const readers = { dotenv: readDotenv, json: readJson, 'vault-kv': readVaultKv, doppler: readDoppler };
  return readers[format](text, said);
};

interface Named extends FoundSecret {
  name: string;
}

/** A file that names no secret needs --name; one that does may get a prefix before each. */
const named = ({ secrets }: Found, said: string, { name, prefix }: { name?: string; prefix: string }): Named[] => {
  const nameless = secrets.filter((secret) => secret.name === undefined).length;
  if (nameless > 1) throw usage(`${said} holds ${nameless} secrets without a name`, 'import them one file at a time');
  if (nameless === 1 && name === undefined) throw usage(`${said} names no secret`, 'say which one it is: --name NAME');
  if (nameless === 0 && name !== undefined)
    throw usage(`${said} names its secrets itself`, 'leave out --name, or use --prefix');
  return secrets.map((secret) => ({ ...secret, name: prefix + (secret.name ?? name ?? '') }));
};

interface Line {
  name: string;
  action: 'created' | 'updated' | 'unchanged' | 'exists';
  version?: number;
  key_names: string[];
}

const isThere = async (call: Call, project: string, secret: string): Promise<boolean> => {
  try {
    await call('secrets.get', { project, secret });
    return true;
  } catch (error) {
    if (error instanceof MobiusError && error.code === 'not_found') return false;
    throw error;
  }
};

const write = async (call: Call, project: string, secret: Named, update: boolean): Promise<Line> => {
  const { name, values, description } = secret;
  const about = { name, key_names: Object.keys(values).sort() };
  const input = { project, values, ...(description === undefined ? {} : { description }) };
  try {
    const { version } = await call('secrets.create', { ...input, name });
    return { ...about, action: 'created', version };
  } catch (error) {
    if (!(error instanceof MobiusError) || error.code !== 'already_exists') throw error;
    if (!update) return { ...about, action: 'exists' };
  }
  const { version, values_unchanged: same } = await call('secrets.update', { ...input, secret: name });
  return { ...about, action: same === true ? 'unchanged' : 'updated', version };
};

const planned = async (call: Call, project: string, secret: Named, update: boolean): Promise<Line> => {
  const about = { name: secret.name, key_names: Object.keys(secret.values).sort() };
  if (!(await isThere(call, project, secret.name))) return { ...about, action: 'created' };
  return { ...about, action: update ? 'updated' : 'exists' };
};

/** Of many secrets, the one that could not be written is named. */
const refusedAs =
  ({ name }: Named) =>
  (error: unknown): never => {
    if (!(error instanceof MobiusError) || error.message.includes(`"${name}"`)) throw error;
    const { code, message, details, hint } = error;
    throw new MobiusError(code, `the secret "${name}": ${message}`, details, hint);
  };

const importAll = async (context: LocalContext, secrets: readonly Named[]): Promise<Line[]> => {
  const { io, globals, flags, warn } = context;
  const target = await openTarget(io, globals);
  const { call } = target;
  const progress = progressOn(io, globals);
  const step = progress.step('importing');
  const lines: Line[] = [];
  const one = flags['dry-run'] === true ? planned : write;
  try {
    for (const secret of secrets) {
      lines.push(await one(call, await projectOf(io, globals), secret, flags.update === true).catch(refusedAs(secret)));
      step(lines.length, secrets.length);
    }
  } catch (error) {
    progress.end();
    // What was done before stays done, and a second run goes on from there.
    if (lines.length > 0) warn(`${lines.length} of ${secrets.length} secrets were imported before this`);
    throw error;
  } finally {
    progress.end();
    await letGo(target, warn);
  }
  return lines;
};

export default localCommand({
  summary: 'make secrets of a file that another tool exported',
  about:
    'dotenv: a .env file. json: an object of texts, or of objects of texts, one a secret. vault-kv: what "vault kv get ' +
    '-format=json" prints, or an export of paths by medusa. doppler: "doppler secrets download" as json or env. A secret ' +
    'that is there already is left as it is and makes the exit code 6, unless --update gives it a new version; running ' +
    'it again changes nothing twice. --dry-run shows what would be made.',
  args: [
    { name: 'format', description: `one of ${formats.join(', ')}`, choices: formats },
    { name: 'file', description: 'the exported file; - is stdin', takes: 'file' },
  ],
  extra: [
    { name: 'name', value: 'NAME', description: 'the secret, where the file names none' },
    { name: 'prefix', value: 'TEXT', description: 'put this before the name of each, such as team/' },
    { name: 'update', description: 'give secrets that are there already a new version' },
    { name: 'dry-run', description: 'only show what would be made' },
  ],
  examples: [
    'mobius import dotenv .env --name shop/prod --dry-run',
    'mobius import vault-kv export.json --prefix vault/',
    'doppler secrets download --no-file --format json | mobius import doppler - --name shop/prod',
  ],
  related: ['secrets list', 'secrets create'],
  async run(context) {
    const { args, flags, text, show, say, warn } = context;
    const format = await formatOf(args.format);
    const path = args.file ?? '-';
    const said = path === '-' ? 'standard input' : `"${path}"`;
    const found = await read(format, await text(`@${path}`), said);
    const { name, prefix = '' } = flags as { name?: string; prefix?: string };
    const secrets = named(found, said, { prefix, ...(name === undefined ? {} : { name }) });
    for (const remark of found.remarks) warn(remark);
    const items = await importAll(context, secrets);
    show({ items, remarks: found.remarks });
    const left = items.filter(({ action }) => action === 'exists').map((line) => `"${line.name}"`);
    if (left.length > 0) warn(`left as they are: ${left.join(', ')}; --update gives them a new version`);
    if (flags['dry-run'] === true) say('nothing was written');
    return left.length === 0 ? 0 : 6;
  },
});
