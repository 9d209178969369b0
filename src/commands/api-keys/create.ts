import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.create',
  about: 'The raw key is shown once and kept nowhere. --out writes it to a file that only you can read.',
  args: [{ name: 'name', description: 'unique in the project', optional: true }],
  offers: ['expires_at'],
  flags: { allow_ips: { name: 'allow-ip', value: 'CIDR' }, rate_limit: { value: 'N/SECONDSs' } },
  examples: [
    'mobius api-keys create --name ci --principal-id worker-prod --expires-at 2027-01-01T00:00:00Z',
    'mobius api-keys create --name ci-2 --principal-id worker-prod -o json | jq -r .key > ci.key',
    'mobius api-keys create partner --principal-id worker-prod --rate-limit 100/60s --allow-ip 203.0.113.0/24',
    'mobius api-keys create --name ci-3 --principal-id worker-prod --expires-at 90d --out ci.key',
  ],
  related: ['api-keys rotate', 'api-keys verify', 'rotations set'],
  oneTime: {
    value: ({ key }) => key,
    id: ({ id }) => id,
    takeBack: (call, { id }, { project }) =>
      call('api-keys.revoke', { id, ...(project === undefined ? {} : { project }) }),
  },
  done: ({ name, id }) => `created api key "${name}" (${id})`,
});
