import { operationCommand } from '../../cli/command.ts';
import { projectOf } from '../../cli/destination.ts';

export default operationCommand({
  operation: 'rotations.unset',
  about: 'Its schedule is removed, and how it is delivered from the rotations.toml of this machine.',
  args: [{ name: 'subject', description: 'api-keys/NAME or secrets/NAME' }],
  examples: ['mobius rotations unset api-keys/worker-prod', 'mobius rotations unset secrets/db/prod'],
  related: ['rotations set', 'rotations due'],
  async afterwards(_, { subject, project }, { io, globals }) {
    const [{ changeDeliveries }, { targetOf }] = await Promise.all([
      import('../../rotation/deliveries-write.ts'),
      import('../../rotation/target.ts'),
    ]);
    const about = { subject, project: project ?? (await projectOf(io, globals)), target: await targetOf(io, globals) };
    await changeDeliveries(io, about, undefined);
  },
  done: (_, { subject }) => `"${subject}" is rotated no more`,
});
