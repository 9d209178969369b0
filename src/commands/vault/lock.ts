import { existsSync } from 'node:fs';
import { agentOf, askAgent } from '../../cli/agent.ts';
import { endAgent } from '../../cli/agent-process.ts';
import { localCommand } from '../../cli/command.ts';
import { placeOf } from '../../cli/profiles.ts';

export default localCommand({
  summary: 'end the agent that holds the local vault open',
  about:
    'What mobius vault unlock started ends, and its keys are wiped; what it is just answering it answers. A key file in ' +
    "its own place, or the desktop's keychain, opens the vault all the same, which is told.",
  examples: ['mobius vault lock', 'mobius vault lock -q'],
  related: ['vault unlock'],
  async run({ io, globals, show, say, note }) {
    const { waysInto } = await import('../../vault/status.ts');
    const { path, keys } = placeOf(io, globals);
    const { id, kinds } = await waysInto(path);
    const socket = await agentOf(io, path);
    if (socket !== undefined) await endAgent(io, socket, await askAgent(io, socket));
    const keyFile = keys.defaultKeyFile(id);
    const opensAlone = kinds.has('key-file') && existsSync(keyFile);
    show({ id, agent: socket === undefined ? 'none' : 'ended', ...(opensAlone ? { key_file: keyFile } : {}) });
    say(socket === undefined ? 'it is locked already: no agent' : 'locked: the agent ended');
    if (opensAlone) note(`the key file "${keyFile}" still opens the vault for whoever can read it`);
    if (kinds.has('keychain')) note('the keychain still opens the vault while you are logged in');
    return 0;
  },
});
