import type { Context, Performing } from '../cli/command.ts';
import { progressOn } from '../cli/progress.ts';
import { MobiusError } from '../errors.ts';
import type { AuditAnchor, AuditFinding } from '../generated/types.ts';
import type { Call, Input, Output } from '../operations.ts';
import { anchorIn } from './anchor-file.ts';

interface Compared {
  compared: number;
  notComparable: number;
  findings: AuditFinding[];
}

/** A whole stretch, so that what is sent stays small. */
const atOnce = 200;
/** More say no more. */
const mostFindings = 1_000;

/** A line that a full disk or a power cut tore stays where it is, and what stands before and behind it counts. */
const anchorsIn = (text: string, said: string, warn: Context['warn']): AuditAnchor[] => {
  // As it was printed, over several lines.
  const printed = anchorIn(text);
  if (printed !== undefined) return [printed];
  const anchors: AuditAnchor[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    const anchor = line.trim() === '' ? undefined : anchorIn(line);
    if (anchor !== undefined) anchors.push(anchor);
    else if (line.trim() !== '') warn(`line ${at + 1} of ${said} holds no whole anchor, and is passed over`);
  }
  if (anchors.length > 0) return anchors;
  throw new MobiusError('usage', `${said} holds no anchor`, {}, 'one is made with: mobius audit-logs anchor');
};

const readAnchors = async ({ flags, text, warn }: Context): Promise<AuditAnchor[]> => {
  const anchors: AuditAnchor[] = [];
  for (const path of [flags.anchor ?? []].flat()) {
    if (typeof path !== 'string') continue;
    const said = `--anchor "${path}"`;
    anchors.push(...anchorsIn(await text(path.startsWith('@') ? path : `@${path}`), said, warn));
  }
  return anchors;
};

const compareAll = async (call: Call, anchors: readonly AuditAnchor[]): Promise<Compared> => {
  const sum: Compared = { compared: 0, notComparable: 0, findings: [] };
  for (let at = 0; at < anchors.length; at += atOnce) {
    const some = anchors.slice(at, at + atOnce);
    const answer = await call('audit-logs.compare', { anchors: some as [AuditAnchor, ...AuditAnchor[]] });
    sum.compared += answer.compared;
    sum.notComparable += answer.not_comparable;
    sum.findings.push(...answer.findings.slice(0, mostFindings - sum.findings.length));
  }
  return sum;
};

type Walked = Omit<Output<'audit-logs.verify'>, 'has_more' | 'next_cursor'>;

const walkAll = async (
  call: Call,
  input: Input<'audit-logs.verify'>,
  onProgress: (done: number, total: number) => void,
): Promise<Walked> => {
  const sum: Walked = { checked: 0, through_seq: 0, last_seq: 0, findings: [] };
  let cursor: string | undefined;
  do {
    const {
      has_more: _,
      next_cursor: next,
      ...found
    } = await call('audit-logs.verify', {
      ...input,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const { checked, findings, ...place } = found;
    Object.assign(sum, place);
    sum.checked += checked;
    sum.findings.push(...findings.slice(0, mostFindings - sum.findings.length));
    if (next !== undefined) onProgress(sum.through_seq, sum.last_seq);
    cursor = next;
  } while (cursor !== undefined);
  return sum;
};

/** Follows the whole log a stretch at a time, and then holds the anchors against it. Gives the exit code. */
export const verifyLog = async (
  input: Input<'audit-logs.verify'>,
  context: Context,
  { call, show }: Pick<Performing, 'call' | 'show'>,
): Promise<number> => {
  const { io, globals, say } = context;
  const anchors = await readAnchors(context);
  const progress = progressOn(io, globals);
  const walked = await walkAll(call, input, progress.step('verifying')).finally(progress.end);
  const { compared, notComparable, findings: ofAnchors } = await compareAll(call, anchors);
  const findings = [...walked.findings, ...ofAnchors];
  const ok = findings.length === 0;
  show({
    ok,
    checked: walked.checked,
    last_seq: walked.last_seq,
    ...(walked.begins_after === undefined ? {} : { begins_after: walked.begins_after }),
    ...(anchors.length === 0 ? {} : { anchors: compared, anchors_before_it_begins: notComparable }),
    findings: globals.output === 'pretty' ? findings.length : findings,
  });
  for (const { kind, id, problem } of findings)
    say(`${kind.replace('_', ' ')}: ${problem}${id === undefined ? '' : ` (${id})`}`);
  if (ok && anchors.length === 0)
    say('an anchor that is kept elsewhere shows more: mobius audit-logs verify --anchor FILE');
  return ok ? 0 : 1;
};
