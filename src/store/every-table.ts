/** A table as it is copied from one database to another: row by row, in the order of its key. */
export interface Copied {
  name: string;
  key: readonly string[];
  /** A column that names another row of the same table, which may come after it: it is filled when all rows are there. */
  later?: string;
}

/** Where a vault stands that is under way from one place to another. It stays at its place. */
export const movesTable = 'moves';

/** Every table but that one, each behind those that it refers to. */
export const everyTable: readonly Copied[] = [
  { name: 'migrations', key: ['id'] },
  { name: 'vault', key: ['id'] },
  { name: 'keyslots', key: ['id'] },
  { name: 'keyring', key: ['purpose', 'epoch'] },
  { name: 'rekey', key: ['id'] },
  { name: 'projects', key: ['id'] },
  { name: 'users', key: ['id'] },
  { name: 'principals', key: ['id'], later: 'owner_id' },
  { name: 'roles', key: ['id'] },
  { name: 'role_assignments', key: ['id'] },
  { name: 'api_keys', key: ['id'] },
  { name: 'secrets', key: ['id'] },
  { name: 'secret_versions', key: ['id'] },
  { name: 'secret_values', key: ['version_id'] },
  { name: 'rotations', key: ['id'] },
  { name: 'rotation_policies', key: ['id'] },
  { name: 'sessions', key: ['id'] },
  { name: 'device_codes', key: ['id'] },
  { name: 'signing_keys', key: ['id'] },
  { name: 'tokens', key: ['id'] },
  { name: 'rate_windows', key: ['key_id'] },
  { name: 'attempts', key: ['id'] },
  { name: 'answers', key: ['id'] },
  { name: 'leases', key: ['name'] },
  { name: 'tags', key: ['resource_id', 'tag_index', 'key_index'] },
  { name: 'audit_log', key: ['id'] },
  { name: 'audit_marks', key: ['id'] },
];
