import { type LocalContext, localCommand } from '../cli/command.ts';
import { type Destination, destinationOf, projectOf } from '../cli/destination.ts';
import { letGo, openTarget, type Target } from '../cli/profiles.ts';
import { type Asked, headOf, type Matched, matching, requestFrom, shownRequest, withCursor } from '../cli/request.ts';
import { MobiusError } from '../errors.ts';
import { fieldsOf } from '../generated/fields.ts';
import { operations } from '../generated/operations.ts';
import type { Input, Name, Noun } from '../operations.ts';

/** What came back: parsed where it is JSON, and as it came where a wire brought it. */
interface Came {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  value?: unknown;
  text?: string;
  refusal?: MobiusError | undefined;
}

type Send = (asked: Asked) => Promise<Came>;

const fieldsFor = async (name: Name) => (await fieldsOf[name.slice(0, name.indexOf('.')) as Noun]()).fields[name];

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** The operation that the request is. A vault has nothing else, and says what it lacks before anything is opened. */
const operationAt = ({ method, path }: Asked, { kind }: Destination): Matched | undefined => {
  const there = matching(operations, path);
  const found = there.find(({ operation }) => operation.method === method);
  if (found !== undefined || kind === 'server') return found;
  const [plain = ''] = path.split('?');
  if (there.length > 0) {
    const takes = [...new Set(there.map(({ operation }) => operation.method))].join(', ');
    throw new MobiusError('method_not_allowed', `"${plain}" takes ${takes}, not ${method}`);
  }
  if (plain.startsWith('/v1/')) {
    throw new MobiusError('not_found', `no operation is at "${plain}"`, {}, 'see which there are: mobius help --json');
  }
  throw new MobiusError(
    'unsupported',
    `a local vault answers operations alone, whose paths begin with /v1/; "${plain}" is something that a server may have`,
    {},
    'serve the vault (mobius serve), or name a server: --api-url URL',
  );
};

/** As the server would read the same request. */
const throughCall =
  ({ call }: Target, { name, operation, params }: Matched): Send =>
  async ({ path, headers: given, body }) => {
    const { inputReader } = await import('../server/input.ts');
    const headers = Object.fromEntries(Object.entries(given).map(([header, text]) => [header.toLowerCase(), text]));
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const read = inputReader(operation, (await fieldsFor(name))?.input ?? [], { params, target: path, headers });
    const input = read(bytes);
    const { 'idempotency-key': key } = headers;
    try {
      const value = await call(name, input as Input<Name>, key === undefined ? {} : { idempotencyKey: key });
      return { status: operation.status, headers: {}, value };
    } catch (error) {
      if (!(error instanceof MobiusError)) throw error;
      return { status: error.kind.http, headers: {}, refusal: error };
    }
  };

const overWire =
  (ask: NonNullable<Target['ask']>, operation: Matched['operation'] | undefined): Send =>
  async (asked) => {
    const { status, headers, text, refusal } = await ask({ ...asked, operation });
    return { status, headers, text, value: parsed(text), refusal };
  };

const sendingTo = (target: Target, found: Matched | undefined): Send => {
  if (target.ask !== undefined) return overWire(target.ask, found?.operation);
  if (found !== undefined) return throughCall(target, found);
  throw new MobiusError('internal', 'a vault was asked for something that is no operation');
};

interface List extends Record<string, unknown> {
  items: readonly unknown[];
  next_cursor?: unknown;
}

const listIn = (value: unknown): List | undefined => {
  const { items } = (value ?? {}) as Partial<List>;
  return Array.isArray(items) ? (value as List) : undefined;
};

/** All pages as one. */
const allPages =
  (send: Send): Send =>
  async (asked) => {
    const items: unknown[] = [];
    const seen = new Set<string>();
    for (let path = asked.path; ; ) {
      const came = await send({ ...asked, path });
      if (came.refusal !== undefined) return came;
      const list = listIn(came.value);
      if (list === undefined)
        throw new MobiusError('usage', 'the answer is no list, so --all has nothing to go on with');
      items.push(...list.items);
      const { next_cursor: cursor, ...rest } = list;
      if (typeof cursor !== 'string' || seen.has(cursor))
        return { ...came, value: { ...rest, items, has_more: false } };
      seen.add(cursor);
      path = withCursor(asked.path, cursor);
    }
  };

/** Values that are shown this once, wherever the answer of such an operation holds them. */
const oneTimeIn = (value: unknown): string[] => {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'string' ? (['key', 'token'].includes(name) ? [inner] : []) : oneTimeIn(inner),
  );
};

const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

const present = (
  { io, globals, flags, show, say, warn }: LocalContext,
  { method, path }: Asked,
  found: Matched | undefined,
  { status, headers, value, text, refusal }: Came,
): void => {
  if (flags.include === true) io.stdout.write(headOf(status, headers));
  else if (refusal !== undefined) throw refusal;
  if (refusal !== undefined && text === undefined) throw refusal;
  if (globals.raw === true || value === undefined) {
    if (text !== undefined && text !== '') io.stdout.write(ended(text));
    else say(`${method} ${path}: status ${status}`);
  } else {
    const once = found?.operation.oneTime === true ? oneTimeIn(value) : [];
    show(value, once.length === 0 ? undefined : once.join('\n'));
  }
  if (refusal !== undefined) throw refusal;
  if (typeof listIn(value)?.next_cursor !== 'string') return;
  if (globals.quiet || globals.output === 'text') warn('there are more: add --all');
  else say('there are more: add --all');
};

const refuseClashes = ({ flags, globals }: LocalContext, { method }: Asked): void => {
  if (flags.all !== true) return;
  const other = globals.raw === true ? '--raw' : flags.include === true ? '--include' : undefined;
  if (other !== undefined) throw new MobiusError('usage', `--all makes one answer of several, and ${other} shows one`);
  if (method !== 'GET')
    throw new MobiusError('usage', `--all is for lists, which are asked for with GET, not ${method}`);
};

export default localCommand({
  summary: 'send a request of your own to the API, with the credential and the care of every command',
  about:
    'For what has no command. The path is one of the API (mobius help --json names those of each command), {project} in ' +
    'it is the current project; a whole address is taken where it is below that of the server. On a server it is sent ' +
    'as it stands, in whichever contract that server keeps; on a local vault the operation at that path is called. It ' +
    'is sent again as other commands are, where that can not do it twice. Nobody is asked to confirm. The exit code is that of ' +
    'the status: mobius help exit-codes.',
  args: [
    { name: 'method', description: 'GET when absent, or POST where there is a body', optional: true },
    { name: 'path', description: 'such as /v1/projects/{project}/roles' },
  ],
  raw: true,
  extra: [
    {
      name: 'query',
      value: 'KEY=VALUE',
      repeatable: true,
      description: 'a parameter of the path',
    },
    {
      name: 'data',
      short: 'd',
      value: 'KEY=TEXT',
      repeatable: true,
      description: 'a property of the body: a text, @FILE or @-; KEY:=JSON for what is no text',
    },
    { name: 'body', value: 'JSON', description: 'the whole body: JSON text, @FILE or @-' },
    { name: 'file', short: 'f', value: 'PATH', description: 'the same as --body @PATH; - is stdin' },
    {
      name: 'header',
      short: 'H',
      value: 'NAME: VALUE',
      repeatable: true,
      description: 'a header of the request; none that says who sends it',
    },
    { name: 'include', short: 'i', description: 'print the status and the headers of the answer before it' },
    { name: 'all', description: 'of a list all pages, as one' },
    { name: 'dry-run', description: 'print what would be sent, and send nothing' },
  ],
  examples: [
    "mobius api '/v1/projects/{project}/roles'",
    "mobius api GET '/v1/projects/{project}/api-keys' --query limit=10 --all -F id,name",
    "mobius api POST '/v1/projects/{project}/roles' --data name=reader --data 'permissions:=[\"mobius.project.view\"]'",
    'mobius api PATCH /v1/projects/default -f change.json --dry-run',
  ],
  related: ['auth token', 'help targets', 'help formatting', 'help exit-codes'],
  async run(context) {
    const { io, globals, flags, debug, show, say, warn } = context;
    const destination = await destinationOf(io, globals);
    const server = destination.kind === 'server' ? destination.url : undefined;
    const asked = await requestFrom(context, await projectOf(io, globals), server);
    refuseClashes(context, asked);
    const isOurs = destination.kind === 'vault' || destination.dialect === undefined;
    const found = isOurs ? operationAt(asked, destination) : undefined;
    if (globals.raw === true && server === undefined) {
      throw new MobiusError('usage', 'nothing comes over a wire from a local vault, so there is nothing raw');
    }
    if (flags['dry-run'] === true) {
      show(shownRequest(asked, found && (await fieldsFor(found.name))?.input));
      say(`would send ${asked.method} ${asked.path}; nothing was sent`);
      return 0;
    }
    const target = await openTarget(io, globals);
    debug(target.about);
    try {
      const send = sendingTo(target, found);
      present(context, asked, found, await (flags.all === true ? allPages(send) : send)(asked));
    } finally {
      await letGo(target, warn);
    }
    return 0;
  },
});
