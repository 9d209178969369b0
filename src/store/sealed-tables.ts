import { keyTable, keyTruths } from './api-keys.ts';
import { auditLog } from './audit.ts';
import { deviceTable, deviceTruths } from './device-codes.ts';
import { principalTable, principalTruths } from './principals.ts';
import { projectTable, projectTruths } from './projects.ts';
import { assignmentTable, assignmentTruths, roleTable, roleTruths } from './roles.ts';
import { policyTable, policyTruths, rotationTable, rotationTruths } from './rotations.ts';
import { secretTable, secretTruths, versionTable, versionTruths } from './secrets.ts';
import { sessionTable, sessionTruths } from './sessions.ts';
import { signingTable, signingTruths } from './signing-keys.ts';
import { tokenTable, tokenTruths } from './tokens.ts';
import { userTable, userTruths } from './users.ts';

/** Every table whose rows are sealed under a record key. Sealing all of them anew walks this list. */
export const sealedTables = [
  projectTable,
  principalTable,
  roleTable,
  assignmentTable,
  keyTable,
  secretTable,
  versionTable,
  rotationTable,
  policyTable,
  userTable,
  sessionTable,
  deviceTable,
  signingTable,
  tokenTable,
  auditLog,
] as const;

/** Tables of counters, answers and turns that are over within a day: their rows are bound to nothing, and nothing rests on them. */
export const passingTables = ['attempts', 'answers', 'rate_windows', 'leases'] as const;

/** The same, but the audit log, whose rows stand for things that may be gone and are checked by their chain. */
export const recordTables = [
  { table: projectTable, truths: projectTruths },
  { table: principalTable, truths: principalTruths },
  { table: roleTable, truths: roleTruths },
  { table: assignmentTable, truths: assignmentTruths },
  { table: keyTable, truths: keyTruths },
  { table: secretTable, truths: secretTruths },
  { table: versionTable, truths: versionTruths },
  { table: rotationTable, truths: rotationTruths },
  { table: policyTable, truths: policyTruths },
  { table: userTable, truths: userTruths },
  { table: sessionTable, truths: sessionTruths },
  { table: deviceTable, truths: deviceTruths },
  { table: signingTable, truths: signingTruths },
  { table: tokenTable, truths: tokenTruths },
] as const;
