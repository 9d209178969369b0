import { type Code, exits, kinds } from '../../errors.ts';
import type { Topic } from './topic.ts';

const meanings: Readonly<Record<Code, string>> = {
  usage: 'the line is wrong: a flag, an argument, a variable or a file that it names',
  invalid_input: 'a value that can not be taken; the message names the flag',
  bad_request: 'a request that a server can not read',
  method_not_allowed: 'the path is there, but not for this method',
  unauthorized: 'no credential, or none that is accepted',
  permission_denied: 'the credential is accepted and lacks the permission that is named',
  forbidden: 'not allowed, whatever permissions there are',
  not_found: 'no such thing, or none that you may see',
  already_exists: 'the name is taken',
  conflict: 'it does not go together with how things stand; details.reason says why',
  principal_has_no_roles: 'a key for it could do nothing',
  project_not_archived: 'only an archived project can be deleted',
  locked: 'nothing that was given opens the vault',
  not_initialised: 'there is no vault there yet',
  damaged: 'what is stored was changed outside mobius',
  unsupported: 'this vault or server has no such thing',
  rate_limit_exceeded: 'too often, or used up; details.retry_after_seconds says how long to wait where that helps',
  service_unavailable: 'the server was not reached, or can not answer now',
  internal: 'a fault of mobius, of the disk or of the server; MOBIUS_DEBUG=1 shows where',
  command_not_executable: 'mobius run: the program can not be executed',
  command_not_found: 'mobius run: there is no such program',
};

const codes = Object.keys(kinds) as Code[];

export const exitCodes: Topic = {
  blocks: [
    { text: 'A script can rely on what a command ends with: the numbers are never given another meaning.' },
    { title: 'exit codes', rows: Object.entries(exits) },
    {
      text:
        'mobius run ends with the code of its program, or with 128 and the number of the signal that ended it. What ' +
        'SIGTERM or SIGHUP ends has 143 or 129, as everywhere. What is asked with permissions check, api-keys ' +
        'verify or tokens verify and answered with no ends with 4; what scan, vault check, audit-logs verify, server ' +
        'migrate --check or rotations due --exit-code find ends with 1.',
    },
    {
      text:
        'Errors go to stderr, in JSON where the result would be JSON: {"error":{"code","message","hint","details"}}. ' +
        'The code is for programs and never changes, the message is for people. A server answers with the same object ' +
        'and the status that stands here.',
    },
    {
      title: 'error codes',
      rows: codes.map((code) => [code, `exit ${kinds[code].exit}, HTTP ${kinds[code].http}: ${meanings[code]}`]),
    },
    {
      title: 'examples',
      examples: [
        'mobius can worker-prod mobius.secrets.use -q && echo yes',
        'mobius vault check -q || echo "it ended with $?"',
      ],
    },
  ],
  related: ['help formatting', 'permissions check', 'doctor'],
};
