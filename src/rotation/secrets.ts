import { MobiusError } from '../errors.ts';
import { useSecrets } from '../use/resolve.ts';
import { checkBy, commandDelivery, type Told, valuesOf } from './command.ts';
import { commandEnvironment } from './environment.ts';
import { type Delivery, type Going, type Handed, type Plan, Undelivered } from './plan.ts';

/** How a secret gets its next values, and how they get to where they are used. */
export interface SecretWays {
  /** Makes them at random, where no command does. */
  generate(): Promise<Record<string, string>>;
  /** A line for the shell that writes them to its stdout. */
  exec?: string;
  /** A line for the shell that puts them into force, and can be repeated. */
  apply?: string;
  verify?: string;
  /** The variable by the key whose value it holds. */
  variables: Readonly<Record<string, string>>;
  timeoutSeconds: number;
}

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.keys(value).length > 0 &&
  Object.values(value).every((one) => typeof one === 'string');

/** An object of texts, or, of a secret with one key, its value. What stands there is never said. */
const valuesIn = (text: string, keys: readonly string[]): Record<string, string> => {
  const [key, other] = keys;
  if (/^\s*\{/.test(text)) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (isTexts(parsed)) return parsed;
    } catch {}
    throw new Error('what it wrote begins like JSON, and is no object of texts');
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw new Error('it wrote nothing');
  if (key !== undefined && other === undefined) return { [key]: value };
  throw new Error(`it must write JSON, {"KEY":"VALUE"}: the secret has ${keys.length} keys`);
};

const made = async ({ io, log, call, project }: Going, secret: string, told: Told): Promise<Record<string, string>> => {
  const { key_names: keys } = await call('secrets.get', { project, secret });
  try {
    return await valuesOf(io, told, log, (text) => valuesIn(text, keys));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `no new values came from the command "${told.line}": ${why}`;
    throw new MobiusError('internal', message, { step: 'put' }, 'nothing was changed; the next run tries again');
  }
};

/** How a secret is rotated: put, apply, verify, activate, retire. */
export const secretPlan = (going: Going, secret: string, start: Plan['start'], ways: SecretWays): Plan => {
  const { io, log, call, project } = going;
  const { generate, exec, apply, verify, variables, timeoutSeconds } = ways;
  const told = (line: string, rotationId: string): Told => ({
    line,
    env: commandEnvironment(io, { rotationId }),
    timeoutMs: timeoutSeconds * 1000,
  });
  const applied: Delivery = {
    about: `the command "${apply}"`,
    prepare: () => undefined,
    deliver: (handed, rotationId) =>
      commandDelivery(io, told(apply ?? '', rotationId), log).deliver(handed, rotationId),
    discard: () => undefined,
  };
  return {
    start,
    values: async () => ({
      values: exec === undefined ? await generate() : await made(going, secret, told(exec, '')),
      merge: true,
    }),
    deliveries: apply === undefined ? [] : [applied],
    async handed({ version }): Promise<Handed> {
      if (apply === undefined && verify === undefined) return { text: '', variables: {}, hidden: [] };
      const { name } = await call('secrets.get', { project, secret });
      const whole = `${name}@${version}`;
      const open = async () => ({ call, project, close: async () => undefined });
      const values = (await useSecrets(open, { texts: {}, secrets: [whole] })).secrets[whole] ?? {};
      const named = Object.entries(variables).map(([key, variable]): [string, string] => {
        const value = values[key];
        if (value === undefined) throw new Undelivered(`the secret "${name}" has no key "${key}"`);
        return [variable, value];
      });
      return { text: JSON.stringify(values), variables: Object.fromEntries(named), hidden: Object.values(values) };
    },
    ...(verify === undefined
      ? {}
      : { check: (handed, { rotationId }) => checkBy(io, told(verify, rotationId), handed, log) }),
  };
};
