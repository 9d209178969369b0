import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.update',
  about:
    'What is left out stays as it is. A disabled key is refused until it is active again; one that was revoked stays ' +
    'so.',
  args: [{ name: 'id', label: 'key', description: "the key's name or id" }],
  flags: { allow_ips: { name: 'allow-ip', value: 'CIDR' }, rate_limit: { value: 'N/SECONDSs' } },
  examples: [
    'mobius api-keys update ci --state disabled',
    'mobius api-keys update ci --tag env=prod --tag team=core',
    'mobius api-keys update ci --rate-limit none --allow-ip 10.0.0.0/8',
  ],
  related: ['api-keys revoke'],
  done: ({ name, id }) => `updated api key "${name}" (${id})`,
});
