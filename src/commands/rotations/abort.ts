import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'rotations.abort',
  about:
    'The key or version that was to be replaced goes on as it is; its successor is taken back. Where somebody may have ' +
    'the successor already they would be refused from then on, so that needs --even-if-delivered, or --withdrawn where ' +
    'they have it no more. While somebody is at it, it needs --take-over.',
  args: [{ name: 'rotation', description: "the rotation's id, as in mobius rotations list" }],
  flags: { lock: { hidden: true } },
  examples: [
    'mobius rotations abort rot_01kdwhnx00f0000000000000zz',
    'mobius rotations abort rot_01kdwhnx00f0000000000000zz --even-if-delivered --yes',
  ],
  related: ['rotations resume'],
  confirm: ({ rotation, even_if_delivered: even, withdrawn }) =>
    even === true && withdrawn !== true
      ? `Give up "${rotation}"? Whoever has its successor is refused from then on.`
      : `Give up "${rotation}" and take its successor back?`,
  done: ({ id, subject, step }) =>
    step === 'aborted'
      ? `gave up "${id}": "${subject}" goes on as it is`
      : `took back the last successor of "${subject}"; somebody may have one before it, so "${id}" is to be finished`,
});
