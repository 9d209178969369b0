import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.rotate',
  about:
    'The new key has the same principal, name, tags, limits and end; the old one stops in the same moment. The raw key is ' +
    'shown once and kept nowhere. --out writes it to a file that only you can read.',
  args: [{ name: 'id', label: 'key', description: "the key's name or id; @me is the one that acts" }],
  examples: ['mobius api-keys rotate ci', 'mobius api-keys rotate ci --expires-at 90d --out ci.key'],
  oneTime: {
    value: ({ key }) => key,
    id: ({ id }) => id,
    takeBack: (call, { id }, { project }) =>
      call('api-keys.revoke', { id, ...(project === undefined ? {} : { project }) }),
  },
  done: ({ name, id }, { id: old }) => `rotated api key "${old}": it stopped, "${name}" (${id}) takes its place`,
});
