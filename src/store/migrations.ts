export interface Migration {
  id: number;
  sql: readonly string[];
}

/** Forward only: a migration that was released is never edited, a new one is added below it. */
export const migrations: readonly Migration[] = [
  {
    id: 1,
    sql: [
      `create table vault (
        id text primary key,
        format bigint not null,
        epoch bigint not null,
        scrub_pending_at bigint,
        created_at bigint not null
      )`,
      `create table keyslots (
        id text primary key,
        kind text not null,
        params text not null,
        created_at bigint not null,
        sealed bytea not null
      )`,
      `create table keyring (
        purpose text not null,
        epoch bigint not null,
        sealed bytea not null,
        primary key (purpose, epoch)
      )`,
      `create table rekey (
        id text primary key,
        table_name text not null,
        after_id text not null,
        started_at bigint not null,
        sealed bytea not null
      )`,
      `create table projects (
        id text primary key,
        handle_index bytea not null unique,
        archived_at bigint,
        created_at bigint not null,
        updated_at bigint not null,
        sealed bytea not null
      )`,
      `create table principals (
        id text primary key,
        project_id text not null references projects (id),
        name_index bytea unique,
        kind text not null,
        owner_id text references principals (id),
        disabled_at bigint,
        archived_at bigint,
        created_at bigint not null,
        updated_at bigint not null,
        sealed bytea not null
      )`,
      'create index principals_by_project on principals (project_id, id)',
      'create index principals_by_owner on principals (owner_id)',
      `create table roles (
        id text primary key,
        project_id text not null references projects (id),
        name_index bytea not null unique,
        created_at bigint not null,
        updated_at bigint not null,
        sealed bytea not null
      )`,
      'create index roles_by_project on roles (project_id, id)',
      `create table role_assignments (
        id text primary key,
        project_id text not null references projects (id),
        principal_id text not null references principals (id),
        role_id text not null,
        granted_by text,
        created_at bigint not null,
        sealed bytea not null,
        unique (principal_id, role_id)
      )`,
      'create index role_assignments_by_project on role_assignments (project_id, id)',
      'create index role_assignments_by_role on role_assignments (role_id)',
      `create table api_keys (
        id text primary key,
        project_id text not null references projects (id),
        principal_id text not null references principals (id),
        name_index bytea unique,
        key_hash bytea not null unique,
        expires_at bigint,
        disabled_at bigint,
        revoked_at bigint,
        created_at bigint not null,
        updated_at bigint not null,
        last_used_at bigint,
        sealed bytea not null
      )`,
      'create index api_keys_by_project on api_keys (project_id, id)',
      'create index api_keys_by_principal on api_keys (principal_id, id)',
      `create table tags (
        resource_id text not null,
        tag_index bytea not null,
        key_index bytea not null,
        primary key (resource_id, tag_index, key_index)
      )`,
      'create index tags_by_tag on tags (tag_index, resource_id)',
      'create index tags_by_key on tags (key_index, resource_id)',
      `create table audit_log (
        id text primary key,
        seq bigint unique,
        project_id text,
        action text not null,
        resource_type text not null,
        resource_id text not null,
        principal_id text,
        credential_id text,
        created_at bigint not null,
        sealed bytea not null,
        mac bytea not null,
        hash bytea
      )`,
      'create index audit_log_by_project on audit_log (project_id, id)',
    ],
  },
  {
    id: 2,
    sql: [
      `create table secrets (
        id text primary key,
        project_id text not null references projects (id),
        name_index bytea not null unique,
        version bigint not null,
        expires_at bigint,
        created_by text,
        updated_by text,
        created_at bigint not null,
        updated_at bigint not null,
        sealed bytea not null
      )`,
      'create index secrets_by_project on secrets (project_id, id)',
      `create table secret_versions (
        id text primary key,
        project_id text not null references projects (id),
        secret_id text not null references secrets (id),
        version bigint not null,
        state text not null,
        created_by text,
        created_at bigint not null,
        disabled_at bigint,
        destroy_at bigint,
        destroyed_at bigint,
        sealed bytea not null,
        unique (secret_id, version)
      )`,
      "create unique index secret_versions_enabled on secret_versions (secret_id) where state = 'ENABLED'",
      'create index secret_versions_due on secret_versions (destroy_at) where destroy_at is not null',
      `create table secret_values (
        version_id text primary key references secret_versions (id),
        sealed bytea not null
      )`,
    ],
  },
  {
    id: 3,
    sql: [
      `create table users (
        id text primary key,
        email_index bytea not null unique,
        administrator_at bigint,
        disabled_at bigint,
        last_login_at bigint,
        created_at bigint not null,
        updated_at bigint not null,
        sealed bytea not null
      )`,
      'alter table principals add column user_id text references users (id)',
      `create unique index principals_by_user on principals (user_id, project_id)
       where user_id is not null and archived_at is null`,
      `create table sessions (
        id text primary key,
        user_id text not null references users (id),
        project_id text references projects (id),
        kind text not null,
        token_hash bytea unique,
        generation bigint not null,
        expires_at bigint,
        revoked_at bigint,
        last_used_at bigint,
        created_at bigint not null,
        sealed bytea not null
      )`,
      'create index sessions_by_user on sessions (user_id, id)',
      `create table device_codes (
        id text primary key,
        device_hash bytea not null unique,
        user_code_index bytea not null unique,
        source_index bytea not null,
        state text not null,
        user_id text references users (id),
        project_id text,
        polled_at bigint,
        expires_at bigint not null,
        created_at bigint not null,
        sealed bytea not null
      )`,
      'create index device_codes_by_expiry on device_codes (expires_at)',
      'create index device_codes_by_source on device_codes (source_index, expires_at)',
      `create table signing_keys (
        id text primary key,
        created_at bigint not null,
        sealed bytea not null
      )`,
      `create table attempts (
        id bytea primary key,
        failures bigint not null,
        locked_until bigint,
        updated_at bigint not null
      )`,
      'create index attempts_by_time on attempts (updated_at)',
      `create table answers (
        id bytea primary key,
        request bytea not null,
        resource_id text,
        replay_until bigint not null,
        expires_at bigint not null,
        sealed bytea
      )`,
      'create index answers_by_expiry on answers (expires_at)',
      `create table rate_windows (
        key_id text primary key references api_keys (id),
        started_at bigint not null,
        used bigint not null
      )`,
    ],
  },
  {
    id: 4,
    sql: [
      'alter table projects add column token_generation bigint',
      'alter table principals add column token_generation bigint',
      'alter table signing_keys add column retired_at bigint',
      `create table tokens (
        id text primary key,
        project_id text not null references projects (id),
        principal_id text references principals (id),
        key_id text references api_keys (id),
        session_id text references sessions (id),
        project_generation bigint not null,
        principal_generation bigint not null,
        request_limit bigint not null,
        expires_at bigint not null,
        revoked_at bigint,
        created_at bigint not null,
        used bigint not null,
        last_used_at bigint,
        sealed bytea not null
      )`,
      // With all that says whether one has ended: else each row of those that were revoked at once is sought by itself.
      `create index tokens_by_project on tokens (project_id, expires_at, id, revoked_at, project_generation,
        principal_generation, principal_id, key_id, session_id)`,
      `create index tokens_by_principal on tokens (principal_id, expires_at, id, revoked_at, project_generation,
        principal_generation, project_id, key_id, session_id)`,
      `create index tokens_by_key on tokens (key_id, expires_at, id, revoked_at, project_generation,
        principal_generation, project_id, principal_id, session_id)`,
      'create index tokens_by_session on tokens (session_id)',
      'create index tokens_by_expiry on tokens (expires_at)',
    ],
  },
  {
    id: 5,
    sql: [
      'create table leases (name text primary key, holder text not null, until bigint not null)',
      // At most one row, and none in a vault that is used: see vault/moving.ts.
      `create table moves (
        id text primary key,
        state text not null,
        place text not null,
        step text not null,
        after_key text not null,
        started_at bigint not null
      )`,
      // Among a million that work, a page of those that don't.
      'create index api_keys_revoked on api_keys (project_id, id) where revoked_at is not null',
      'create index api_keys_disabled on api_keys (project_id, id) where disabled_at is not null',
      // Else every answer is read each minute, to find those that are not to be given again.
      'create index answers_by_replay on answers (replay_until) where sealed is not null',
    ],
  },
  {
    id: 6,
    sql: [
      'alter table api_keys add column retires_at bigint',
      'drop index api_keys_revoked',
      `create index api_keys_ended on api_keys (project_id, id)
        where revoked_at is not null or retires_at is not null`,
      `create table rotations (
        id text primary key,
        project_id text not null references projects (id),
        subject_id text not null,
        step text not null,
        held_until bigint not null,
        created_at bigint not null,
        updated_at bigint not null,
        ended_at bigint,
        sealed bytea not null
      )`,
      // Of one thing one at a time.
      'create unique index rotations_of on rotations (subject_id) where ended_at is null',
      'create index rotations_by_subject on rotations (subject_id, id)',
      'create index rotations_by_project on rotations (project_id, id)',
      'create index rotations_open on rotations (project_id, id) where ended_at is null',
      `create table rotation_policies (
        id text primary key,
        project_id text not null references projects (id),
        subject_id text not null unique,
        due_at bigint not null,
        created_at bigint not null,
        updated_at bigint not null,
        sealed bytea not null
      )`,
      'create index rotation_policies_by_project on rotation_policies (project_id, due_at, id)',
      'create index rotation_policies_due on rotation_policies (due_at, project_id)',
      // Among a million, the few that end within days.
      `create index api_keys_expiring on api_keys (project_id, expires_at, id, disabled_at)
       where expires_at is not null and revoked_at is null and retires_at is null`,
      'create index secrets_expiring on secrets (project_id, expires_at, id) where expires_at is not null',
    ],
  },
  {
    id: 7,
    sql: [
      // Where the audit log ends, and where it begins if its first entries were removed.
      `create table audit_marks (
        id text primary key,
        seq bigint not null,
        hash bytea not null,
        made_at bigint not null,
        mac bytea not null
      )`,
      'drop index audit_log_by_project',
      // The type stands in it too, so that a rare one is found without reading the rows of all others.
      'create index audit_log_by_time on audit_log (project_id, created_at, seq, resource_type)',
      'create index audit_log_by_action on audit_log (project_id, action, created_at, seq)',
      'create index audit_log_by_resource on audit_log (project_id, resource_id, created_at, seq)',
      'create index audit_log_by_principal on audit_log (project_id, principal_id, created_at, seq)',
      'create index audit_log_all_by_time on audit_log (created_at, seq)',
    ],
  },
  {
    id: 8,
    sql: [
      // Among all that were ever revoked or replaced, the few that are in their grace.
      `create index api_keys_retiring on api_keys (project_id, retires_at, id)
       where retires_at is not null and revoked_at is null`,
    ],
  },
];
