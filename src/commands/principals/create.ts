import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'principals.create',
  about:
    'Its roles decide what every key of it can do. --with-key makes the first key in the same step and prints both: ' +
    '{principal, key, api_key}, where key is the raw key, shown this once.',
  args: [{ name: 'name', description: 'unique in the project; never changes', optional: true }],
  offers: ['role_ids'],
  flags: {
    role_ids: { alias: 'role', value: 'ROLE' },
    user_id: { alias: 'user', value: 'EMAIL' },
    with_key: { hidden: true },
  },
  extra: [
    { name: 'with-key', description: 'make its first key in the same step' },
    { name: 'key-name', value: 'NAME', description: "the first key's name; the principal's when absent" },
    { name: 'expires-at', value: 'TIME', description: 'when the first key stops working by itself' },
  ],
  examples: [
    'mobius principals create worker-prod --role Worker --with-key',
    'mobius principals create --name ci --description "builds and deploys" --role-ids Operator --tag team=core',
    'mobius principals create worker-2 --role Worker --with-key --expires-at 90d --out worker-2.key',
  ],
  related: ['api-keys create', 'roles create-assignment'],
  prepare(input, { flags, time }) {
    const { 'key-name': name, 'expires-at': expiresAt } = flags as Record<string, string | undefined>;
    if (flags['with-key'] !== true && name === undefined && expiresAt === undefined) return input;
    return {
      ...input,
      with_key: {
        ...(name === undefined ? {} : { name }),
        ...(expiresAt === undefined ? {} : { expires_at: time(expiresAt) }),
      },
    };
  },
  oneTime: {
    value: ({ api_key: key }) => key?.key,
    id: ({ api_key: key }) => key?.id ?? '',
    expected: ({ with_key: withKey }) => withKey !== undefined,
    takeBack: (call, { api_key: key }, { project }) =>
      key === undefined
        ? Promise.resolve()
        : call('api-keys.revoke', { id: key.id, ...(project === undefined ? {} : { project }) }),
  },
  show({ api_key: created, ...principal }) {
    if (created === undefined) return principal;
    const { key, ...apiKey } = created;
    return { principal, key, api_key: apiKey };
  },
  shown: ({ with_key: withKey }, answered) => (withKey === undefined ? answered : ['principal', 'key', 'api_key']),
  done: ({ name, id, api_key: key }) =>
    `created principal "${name}" (${id})${key === undefined ? '' : ` and its key "${key.name}" (${key.id})`}`,
});
