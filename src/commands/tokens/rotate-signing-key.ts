import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'tokens.rotate-signing-key',
  about:
    'What earlier keys signed goes on working until it ends by itself, within a day. With --drop-old it is refused at ' +
    'once: for when a signing key, or a copy of the vault with what opens it, may be in the wrong hands.',
  examples: ['mobius tokens rotate-signing-key', 'mobius tokens rotate-signing-key --drop-old --yes'],
  related: ['tokens revoke', 'tokens verify'],
  confirm: ({ drop_old: dropsOld }) =>
    dropsOld === true
      ? 'Refuse every token that was made so far, in every project, and have everybody sign in anew or refresh?'
      : undefined,
  named: () => 'drop-old',
  done: ({ id }) => `signing with ${id} from now on`,
});
