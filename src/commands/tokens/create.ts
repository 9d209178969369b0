import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'tokens.create',
  about:
    'For whoever must not have the key itself: a browser, a worker, a job. A token may do a part of what its maker may, ' +
    'never more and never longer: it ends with the key or login that it was made with. It is shown once and kept ' +
    'nowhere. With --count the answer is a list, whatever the number.',
  examples: [
    'mobius tokens create --expires-in 15m --request-limit 100 --permissions mobius.work.execute',
    'mobius tokens create --name frontend -o json | jq -r .token > frontend.jwt',
    'mobius tokens create --count 5 --expires-in 1h --quiet',
  ],
  related: ['tokens verify', 'tokens revoke'],
  oneTime: {
    noun: 'token',
    field: 'token',
    value: ({ items }) => items.map(({ token }) => token).join('\n'),
    id: ({ items }) => items.map(({ id }) => id).join(', '),
    takeBack: (call, { items }, { project }) =>
      Promise.all(items.map(({ id }) => call('tokens.revoke', { id, ...(project === undefined ? {} : { project }) }))),
  },
  show: ({ items }, { count }) => (count === undefined ? items[0] : { items }),
  shown: (_, answered) => answered,
  columns: ['id', 'owner', 'expires_at', 'remaining', 'name'],
  done: ({ items }, { count }) =>
    count === undefined
      ? `made a token (${items[0]?.id})`
      : `made ${items.length} ${items.length === 1 ? 'token' : 'tokens'}`,
});
