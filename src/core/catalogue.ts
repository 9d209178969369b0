import type { ActionGroup, PermissionItem, PermissionPreset } from '../generated/types.ts';
import { wildcard } from './carries.ts';

export { carries, holds } from './carries.ts';

type Risk = PermissionItem['risk'];

const item = (id: string, label: string, description: string, risk: Risk): PermissionItem => ({
  id,
  label,
  description,
  scope: 'project',
  category: id.split('.')[1] ?? id,
  risk,
  assignable: true,
  user_kinds: ['user', 'service', 'agent'],
});

export const catalogue: readonly PermissionItem[] = [
  item('mobius.project.view', 'View the project', 'see principals, roles and the metadata of keys', 'low'),
  item('mobius.project.admin', 'Administer the project', "change the project's own name and description", 'high'),
  item('mobius.access.manage', 'Manage access', 'make, change and disable principals, roles and assignments', 'high'),
  item('mobius.work.execute', 'Execute work', 'claim and run jobs', 'medium'),
  item('mobius.keys.issue', 'Issue keys', 'create, change and revoke API keys', 'high'),
  item('mobius.keys.verify', 'Verify keys', 'ask whether a key works, and why not', 'medium'),
  item('mobius.secrets.view', 'View secrets', 'see the metadata of secrets, never a value', 'low'),
  item('mobius.secrets.manage', 'Manage secrets', 'create, change and delete secrets without seeing a value', 'high'),
  item('mobius.secrets.use', 'Use secrets', 'have the values of secrets put to use', 'high'),
  item('mobius.tokens.issue', 'Issue tokens', 'mint, list and revoke short-lived tokens', 'medium'),
  item('mobius.audit.view', 'View the audit log', 'read who changed what, and when', 'medium'),
];

/** Actions are named by those who build them, so they are no items of the catalogue but a space of their own. */
const actionSpace = 'actions.execute';

export const actionGroups: readonly ActionGroup[] = [
  {
    id: actionSpace,
    label: 'Execute actions',
    description: 'run actions by name; end with .* for a group of them',
    permission: `${actionSpace}.*`,
  },
];

const preset = (id: string, label: string, description: string, permissions: string[]): PermissionPreset => ({
  id,
  label,
  description,
  scope: 'project',
  permissions,
});

const viewer = ['mobius.project.view', 'mobius.secrets.view'];
const worker = [...viewer, 'mobius.work.execute', 'mobius.secrets.use'];
const operator = [...worker, 'mobius.secrets.manage', 'mobius.tokens.issue', 'mobius.keys.issue', 'mobius.keys.verify'];
const admin = [...operator, 'mobius.access.manage', 'mobius.project.admin', 'mobius.audit.view', `${actionSpace}.*`];

/** Each preset is a system role of the same label. */
export const presets: readonly PermissionPreset[] = [
  preset('owner', 'Owner', 'everything, now and in later versions', ['mobius.*', `${actionSpace}.*`]),
  preset('admin', 'Admin', 'all that an Operator may, and managing access', admin),
  preset('operator', 'Operator', 'all that a Worker may, and managing secrets, tokens and keys', operator),
  preset('worker', 'Worker', 'sees the project, executes work and uses secrets', worker),
  preset('viewer', 'Viewer', 'sees the project and changes nothing', viewer),
  preset('agent', 'Agent', 'executes work and actions on its own', [
    'mobius.project.view',
    'mobius.work.execute',
    `${actionSpace}.*`,
  ]),
];

/** Whether there is anything that it could allow: an item, an action, or a wildcard over some of them. */
export const isKnown = (permission: string): boolean => {
  if (permission === `${actionSpace}${wildcard}` || permission.startsWith(`${actionSpace}.`)) return true;
  if (!permission.endsWith(wildcard)) return catalogue.some(({ id }) => id === permission);
  const space = permission.slice(0, -1);
  return catalogue.some(({ id }) => id.startsWith(space));
};
