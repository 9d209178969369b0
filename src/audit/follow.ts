import type { Context, ExtraFlag } from '../cli/command.ts';
import { quotedControls, visible } from '../cli/visible.ts';
import { MobiusError } from '../errors.ts';
import type { AuditEntry } from '../generated/types.ts';
import { SinkError } from '../io.ts';
import type { Input, Output } from '../operations.ts';

export const listColumns = [
  'seq',
  'created_at',
  'actor_name',
  'action',
  'resource_type',
  'resource_name',
  'resource_id',
];

export const followFlag: ExtraFlag = {
  name: 'follow',
  short: 'f',
  description: 'go on with new entries as they come, a line each',
};

type Wanted = Input<'audit-logs.list'>;
type Ask = (input: Wanted) => Promise<Output<'audit-logs.list'>>;

const everyMs = 1_000;
const pageRows = 200;

/** One line for a person: when, who, what, to what. */
const spoken = (entry: AuditEntry): string => {
  const {
    seq,
    created_at: at,
    action,
    actor_name: actor,
    resource_type: type,
    resource_name: name,
    resource_id: id,
  } = entry;
  const parts = [
    String(seq),
    at,
    actor ?? '-',
    action,
    type,
    name ?? id,
    type === 'refusal' ? JSON.stringify(entry.changes) : '',
  ];
  return visible(parts.filter((part) => part !== '').join('  '));
};

/** One entry on one line, in JSON where a program reads it. */
export const lineOf = ({ globals }: Pick<Context, 'globals'>, entry: AuditEntry): string => {
  if (globals.output === 'pretty' || globals.output === 'text') return `${spoken(entry)}\n`;
  const { fields } = globals;
  const chosen =
    fields === undefined ? entry : Object.fromEntries(Object.entries(entry).filter(([name]) => fields.includes(name)));
  return `${quotedControls(JSON.stringify(chosen))}\n`;
};

/** Every entry behind a number, a page at a time. Gives the number up to which there are no more. */
export const eachAfter = async (ask: Ask, after: number, take: (entry: AuditEntry) => void): Promise<number> => {
  let cursor: string | undefined;
  let last = after;
  do {
    const page = await ask({ after_seq: after, limit: pageRows, ...(cursor === undefined ? {} : { cursor }) });
    for (const entry of page.items) take(entry);
    last = Math.max(page.has_more ? last : page.last_seq, page.items.at(-1)?.seq ?? 0);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return last;
};

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const goOn = async (context: Context, input: Wanted, ask: Ask): Promise<never> => {
  const { io, warn } = context;
  const { after_seq: from, cursor, ...wanted } = input;
  if (cursor !== undefined) throw new MobiusError('usage', '--follow and --cursor exclude each other');
  const write = (entry: AuditEntry): void => io.stdout.write(lineOf(context, entry));
  let last = from ?? 0;
  if (from === undefined) {
    const page = await ask(wanted);
    for (const entry of page.items.reverse()) write(entry);
    last = page.last_seq;
  }
  for (let failed = false; ; ) {
    try {
      last = await eachAfter((more) => ask({ ...wanted, ...more }), last, write);
      failed = false;
    } catch (error) {
      if (!(error instanceof MobiusError) || error.code !== 'service_unavailable') throw error;
      if (!failed) warn(`${error.message}; going on when it answers again`);
      failed = true;
    }
    await pause(everyMs);
  }
};

/** The last entries, oldest first, then each that comes, until whoever reads has enough or it is interrupted. */
export const followEntries = async (context: Context, input: Wanted, ask: Ask): Promise<number> => {
  try {
    return await goOn(context, input, ask);
  } catch (error) {
    if (error instanceof SinkError && error.readerGone) return 0;
    throw error;
  }
};
