/** What an error carries besides its sentence: enough to build the same hint here and behind a server. */
export type Details = Readonly<Record<string, unknown>>;

interface Kind {
  exit: number;
  http: number;
  hint?: (details: Details) => string | undefined;
}

const text = (value: unknown): string => String(value ?? '');

const plural: Record<string, string> = {
  'api key': 'api-keys',
  principal: 'principals',
  role: 'roles',
  project: 'projects',
  'role assignment': 'roles list-assignments',
  user: 'users',
  token: 'tokens',
  rotation: 'rotations',
};

const listCommand = (details: Details): string | undefined => {
  if (details.resource === 'secret version') {
    const sure = "confirm the project handle, the secret's name or id, and the version";
    return `${sure}: mobius secrets list-versions ${text(details.name)}`;
  }
  if (details.resource === 'secret')
    return "confirm the project handle and the secret's name or id: mobius secrets list";
  const noun = plural[text(details.resource)];
  if (noun === undefined) return undefined;
  return `see which there are: mobius ${noun.includes(' ') ? noun : `${noun} list`}`;
};

/** The hints of a conflict, by the reason that its details name. */
const conflictHints: Record<string, (details: Details) => string> = {
  principal_disabled: (d) => `enable it: mobius principals update ${text(d.name)} --state active`,
  key_revoked: () => 'make another: mobius api-keys create',
  key_expired: () => 'make another: mobius api-keys create',
  key_retiring: (d) => `it was replaced: use the one in its place: mobius api-keys get ${text(d.name)}`,
  key_disabled: (d) => `enable it: mobius api-keys update ${text(d.name)} --state active`,
  active_keys: (d) => `revoke them first: mobius api-keys list --principal-id ${text(d.name)}`,
  role_assigned: (d) => `see who has it: mobius roles list-assignments --role-id ${text(d.name)}`,
  project_archived: (d) => `bring it back: mobius projects restore ${text(d.name)}`,
  version_mismatch: (d) => `see how it stands now: mobius secrets get ${text(d.name)}`,
  version_destroyed: (d) => `see which versions have values: mobius secrets list-versions ${text(d.name)}`,
  none_enabled: (d) => `put one to use: mobius secrets enable-version ${text(d.name)} VERSION`,
  ambiguous: () => 'name the version too, as in name@3.key: what stands before the sign is the name',
  maybe_delivered: (d) =>
    `finish it: mobius rotations resume ${text(d.id)}; ` +
    `or give it up all the same: mobius rotations abort ${text(d.id)} --even-if-delivered`,
  rotation_held: (d) =>
    `wait for it, or where nobody is at it any more: mobius rotations abort ${text(d.id)} --take-over`,
  rotation_ended: () => 'see which are under way: mobius rotations list',
  changed_meanwhile: () => 'somebody else changed it at the same moment: look at it, then try again',
};

/** What each exit code says. */
export const exits: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'failed',
  2: 'wrong usage or input',
  3: 'locked or not set up',
  4: 'not authenticated or not allowed',
  5: 'not found',
  6: 'conflict',
  7: 'unreachable or server fault',
  126: 'the program of mobius run can not be executed',
  127: 'the program of mobius run is not there',
  130: 'interrupted',
};

/** Each error code's exit code, HTTP status and hint, in one place. Exit codes are never renumbered. */
export const kinds = {
  usage: { exit: 2, http: 400 },
  invalid_input: {
    exit: 2,
    http: 400,
    hint: (d) =>
      text(d.field).split('.')[0] === 'values' && /^must (not be empty|be (text|an object))/.test(text(d.problem))
        ? 'the values are an object that is not empty, and each of them is a text: {"api_key":"..."}'
        : undefined,
  },
  bad_request: { exit: 2, http: 400 },
  method_not_allowed: { exit: 1, http: 405 },
  unauthorized: {
    exit: 4,
    http: 401,
    hint: (d) =>
      d.credential === 'login'
        ? 'log in again: mobius auth login'
        : d.credential === 'token'
          ? 'log in again (mobius auth login), or get another token: one who may verify tokens can tell what is wrong with this one'
          : 'attach a valid key of the project (--api-key, MOBIUS_API_KEY): this one may be mistyped, expired, revoked or of another project, or its principal disabled; ' +
            'one who may verify keys can tell which: mobius api-keys verify',
  },
  permission_denied: {
    exit: 4,
    http: 403,
    hint: (d) =>
      Array.isArray(d.roles) && d.roles.length > 0
        ? `roles that carry it: ${d.roles.join(', ')}; someone with mobius.access.manage can assign one: ` +
          'mobius roles create-assignment'
        : undefined,
  },
  forbidden: { exit: 4, http: 403 },
  not_found: { exit: 5, http: 404, hint: listCommand },
  already_exists: {
    exit: 6,
    http: 409,
    hint: (d) =>
      d.resource === 'api key'
        ? `choose another --name, or revoke it first: mobius api-keys revoke ${text(d.name)}`
        : d.resource === 'secret'
          ? `choose another --name, or update that one: mobius secrets update ${text(d.name)}`
          : d.field !== undefined
            ? `choose another --${text(d.field)}`
            : undefined,
  },
  conflict: { exit: 6, http: 409, hint: (d) => conflictHints[text(d.reason)]?.(d) },
  principal_has_no_roles: {
    exit: 6,
    http: 409,
    hint: (d) =>
      `give it a role: mobius roles create-assignment --principal-id ${text(d.name)} --role-id Worker; ` +
      'or add --allow-unassigned-principal',
  },
  project_not_archived: {
    exit: 6,
    http: 409,
    hint: (d) => `archive it first: mobius projects archive ${text(d.name)}`,
  },
  locked: { exit: 3, http: 503 },
  not_initialised: {
    exit: 3,
    http: 503,
    hint: () => 'make one: mobius quickstart; or name the one that you have: --vault PATH',
  },
  damaged: { exit: 1, http: 500, hint: () => 'the vault file was changed outside mobius; restore it from a backup' },
  unsupported: { exit: 1, http: 501 },
  rate_limit_exceeded: {
    exit: 7,
    http: 429,
    hint: (d) => (d.reason === 'usage_exceeded' ? 'get another token: waiting does not help' : undefined),
  },
  service_unavailable: { exit: 7, http: 503 },
  internal: { exit: 1, http: 500 },
  // As a shell has them.
  command_not_executable: { exit: 126, http: 400 },
  command_not_found: { exit: 127, http: 400 },
} satisfies Record<string, Kind>;

export type Code = keyof typeof kinds;

/**
 * The one error that crosses layers. `message` is for a person: lower case, no full stop, values in quotes, never a
 * secret. `hint` is given only where it can't be derived from code and details.
 */
export class MobiusError extends Error {
  readonly code: Code;
  readonly details: Details;
  readonly #hint: string | undefined;

  constructor(code: Code, message: string, details: Details = {}, hint?: string) {
    super(message);
    this.name = 'MobiusError';
    this.code = code;
    this.details = details;
    this.#hint = hint;
  }

  get kind(): Kind {
    return kinds[this.code];
  }

  /** The hint that was given with it, which nobody can derive. */
  get ownHint(): string | undefined {
    return this.#hint;
  }

  get hint(): string | undefined {
    return this.#hint ?? this.kind.hint?.(this.details);
  }
}

/** A field of an operation's input that can't be taken. The command line says the flag in place of the field. */
export const invalidField = (field: string, problem: string, hint?: string): MobiusError =>
  new MobiusError('invalid_input', `"${field}" ${problem}`, { field, problem }, hint);

export const notFound = (resource: string, name: string, project?: string): MobiusError =>
  new MobiusError('not_found', `no ${resource} "${name}"${project === undefined ? '' : ` in project "${project}"`}`, {
    resource,
    name,
  });
