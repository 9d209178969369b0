import { MobiusError } from '../errors.ts';
import type { LocalContext } from './command.ts';
import { openDelivery } from './deliver.ts';

/** The last group is asked for: whoever has it has read or stored the whole code. */
const lastGroup = (code: string): string => code.slice(code.lastIndexOf('-') + 1);

/**
 * Shows a recovery code once, or writes it to `--out`; on a terminal it must be confirmed. Whoever calls this makes the
 * code good only afterwards: one that reached nobody opens nothing.
 */
export const showCode = async (context: LocalContext, code: string, beside: object = {}): Promise<void> => {
  const { io, flags, prompt, show, say } = context;
  if (typeof flags.out === 'string') {
    const delivery = openDelivery(io, flags.out);
    delivery.write(`${code}\n`);
    show({ ...beside, recovery_code_file: delivery.path });
    return;
  }
  show({ ...beside, recovery_code: code }, code);
  say('shown only this once: write it down, and keep it apart from the vault');
  if (!prompt.possible) return;
  const typed = await prompt.text('Its last group, to confirm that you have it:');
  if (typed.trim().toUpperCase() === lastGroup(code)) return;
  throw new MobiusError('usage', 'that is not the last group of the code', {}, 'nothing was changed; try again');
};
