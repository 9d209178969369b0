/** What a credential is, as other systems tell them apart: a person's session is not what a program was given for them. */
export type CredentialKind = 'api-key' | 'session' | 'cli' | 'token';

/** How another system's contract has an operation done, where that is not as ours has it. */
export interface Manner {
  /** The only kinds of credential that may ask; absent where nobody need be known. */
  credentials?: readonly CredentialKind[];
  /** The project by id, UUID or handle; absent: the caller's own, or the first that they have a part in. */
  organization?: string;
  /** Whoever has a part in the project may ask, whatever their roles. */
  anyMember?: true;
  /** Keys of other principals, and tokens of other keys, are not there. */
  ownOnly?: true;
  /** What was revoked, and a token that has ended, is not there any more. */
  endedIsGone?: true;
  /** What its keys begin with; `plain`: those that are no keys of our own shape. */
  keyPrefix?: string;
  keyShape?: 'plain';
  /** Several keys may have one name. */
  namesRepeat?: true;
  /** A key that replaces another ends when that would have. */
  sameEnd?: true;
  /** So many keys of one principal work at once. */
  mostKeys?: number;
  /** So many requests for tokens a key may make in a minute. */
  mintsPerMinute?: number;
  /** A confirmed device login gives a session in place of a credential of our own command line. */
  deviceSession?: true;
}

/** Whoever acts, in the place of a principal or a key: as whom they act here, and what they act with. */
export const me = '@me';
