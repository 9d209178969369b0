import type { Order } from '../../cli/agent-process.ts';
import { localCommand } from '../../cli/command.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';
import { MobiusError } from '../../errors.ts';

const orderIn = (text: string): Order => {
  try {
    const order = JSON.parse(text) as Order;
    if (typeof order.handed.secret.text === 'string') return order;
  } catch {}
  throw new MobiusError(
    'usage',
    'the agent is not started by hand',
    {},
    'open the vault for a while: mobius vault unlock',
  );
};

export default localCommand({
  summary: 'hold the local vault open, as vault unlock asks for it',
  hidden: true,
  examples: [],
  async run({ io, globals }) {
    const { handed, ...options } = orderIn(Buffer.from(await io.stdin.read()).toString('utf8'));
    const { runAgent } = await import('../../server/agent.ts');
    const { path, keys } = placeOf(io, globals);
    const place = { path, keys: { handed, defaultKeyFile: keys.defaultKeyFile } };
    await runAgent(io, { world: worldOf(io), place }, options, (limits) =>
      io.stdout.write(`${JSON.stringify(limits)}\n`),
    );
    return 0;
  },
});
