import { loadSodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import type { Call } from '../operations.ts';
import { filled, referencesIn } from './references.ts';

export interface Wanted {
  /** Texts by the name that an error says, each with references in it or none. */
  texts: Readonly<Record<string, string>>;
  /** Secrets by name or as name@3, of which every key is wanted. */
  secrets: readonly string[];
}

export interface Used {
  /** The texts with every reference replaced. */
  texts: Record<string, string>;
  secrets: Record<string, Record<string, string>>;
  /** Every value that came out, for masking. */
  values: readonly string[];
}

export interface UseTarget {
  call: Call;
  project: string;
  close(): Promise<void>;
}

interface Value {
  reference: string;
  name: string;
  version: number;
  key: string;
  value: string;
}

interface Answer {
  recipient: string;
  request_id: string;
  project: string;
  values: readonly Value[];
}

/** As many as one call takes. */
const atOnce = 1000;

const everyKeyOf = (secret: string): string => `${secret}.*`;

const mismatch = (what: string): MobiusError =>
  new MobiusError('service_unavailable', `the answer is not to what was asked: its ${what} is another`);

/** An answer that was made for another question, or swapped on its way, must not reach a process. */
const refuseOther = (
  answer: Answer,
  asked: { recipient: string; project: string; references: readonly string[] },
  requestId: string,
): void => {
  if (answer.recipient !== asked.recipient) throw mismatch('recipient');
  if (answer.request_id !== requestId) throw mismatch('request id');
  if (answer.project !== asked.project) throw mismatch('project');
  const answered = new Set(answer.values.map(({ reference }) => reference));
  if (asked.references.some((reference) => !answered.has(reference))) throw mismatch('list of references');
  for (const { reference, name, version, key } of answer.values) {
    const isAnswer =
      asked.references.includes(reference) &&
      [`${name}.`, `${name}@${version}.`].some((start) => reference === start + key || reference === `${start}*`);
    if (!isAnswer) throw mismatch('list of references');
  }
};

const ask = async (target: UseTarget, references: readonly string[]): Promise<readonly Value[]> => {
  const sodium = await loadSodium();
  const keys = sodium.boxKeys();
  const recipient = Buffer.from(keys.publicKey).toString('base64');
  const { project } = target;
  const { sealed, request_id } = await target.call('secrets.use', { project, references: [...references], recipient });
  const plain = sodium.boxOpen(new Uint8Array(Buffer.from(sealed, 'base64')), keys);
  sodium.wipe(keys.secretKey);
  if (plain === undefined) throw new MobiusError('service_unavailable', 'the answer was sealed to somebody else');
  const answer = JSON.parse(Buffer.from(plain).toString('utf8')) as Answer;
  sodium.wipe(plain);
  refuseOther(answer, { recipient, project, references }, request_id);
  return answer.values;
};

/**
 * The values that texts and secrets name, each asked for once. The vault or server is opened only where something is
 * wanted, and closed before this returns. Rejects where anything is missing.
 */
export const useSecrets = async (open: () => Promise<UseTarget>, { texts, secrets }: Wanted): Promise<Used> => {
  const entries = Object.entries(texts);
  const named = entries.flatMap(([said, text]) => referencesIn(text, said));
  const references = [...new Set([...named, ...secrets.map(everyKeyOf)])];
  const found: Value[] = [];
  if (references.length > 0) {
    const target = await open();
    try {
      for (let at = 0; at < references.length; at += atOnce) {
        found.push(...(await ask(target, references.slice(at, at + atOnce))));
      }
    } finally {
      await target.close();
    }
  }
  const byReference = new Map(found.map(({ reference, value }) => [reference, value]));
  const keysOf = (secret: string): Record<string, string> =>
    Object.fromEntries(
      found.filter(({ reference }) => reference === everyKeyOf(secret)).map(({ key, value }) => [key, value]),
    );
  return {
    texts: Object.fromEntries(entries.map(([said, text]) => [said, filled(text, said, byReference)])),
    secrets: Object.fromEntries(secrets.map((secret) => [secret, keysOf(secret)])),
    values: [...new Set(found.map(({ value }) => value))],
  };
};
