import { localCommand } from '../../cli/command.ts';

export default localCommand({
  summary: 'list names for a shell that completes one',
  hidden: true,
  args: [
    { name: 'kind', description: 'what is to be named' },
    { name: 'typed', description: 'what the names begin with', optional: true },
  ],
  examples: [],
  async run({ io, globals, args: { kind, typed = '' } }) {
    const { nameKinds, namesOf } = await import('../../cli/names.ts');
    const known = nameKinds.find((one) => one === kind);
    if (known === undefined) return 0;
    try {
      const names = await namesOf(io, globals, known, typed);
      io.stdout.write(names.map((name) => `${name}\n`).join(''));
    } catch {
      // A person is in the middle of a line: whatever is wrong is told when they run it.
    }
    return 0;
  },
});
