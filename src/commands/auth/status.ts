import { localCommand } from '../../cli/command.ts';
import { destinationOf, keyOf, projectOf } from '../../cli/destination.ts';
import { expiringIn, showsExpiring, warnOfExpiring } from '../../cli/expiring.ts';
import { credentialFor, openTarget, placeOf } from '../../cli/profiles.ts';
import { projectAround } from '../../cli/project-file.ts';
import { speechAt } from '../../cli/speech.ts';
import { shownPlace } from '../../database-url.ts';
import { MobiusError } from '../../errors.ts';
import type { WhoAmI } from '../../generated/types.ts';
import type { Io } from '../../io.ts';
import type { Call } from '../../operations.ts';

/** What a person wants to know of whom the target took them for. */
const accepted = (who: WhoAmI): object => ({
  accepted: true,
  kind: who.kind,
  name: who.name,
  ...(who.email === undefined ? {} : { email: who.email }),
  ...(who.administrator === undefined ? {} : { administrator: who.administrator }),
  ...(who.roles === undefined ? {} : { roles: who.roles }),
  ...(who.expires_at === undefined ? {} : { expires_at: who.expires_at }),
  ...(who.retires_at === undefined ? {} : { retires_at: who.retires_at }),
});

/** What the project around the working folder makes of it. */
const folderOf = async (io: Io): Promise<{ folder?: object }> => {
  const around = await projectAround(io);
  if (around === undefined) return {};
  const { project, profile } = around.file ?? {};
  const said = { ...(project === undefined ? {} : { project }), ...(profile === undefined ? {} : { profile }) };
  return { folder: { path: around.path, trusted: around.file !== undefined, ...said } };
};

export default localCommand({
  summary: 'show which server or vault is used, with which credential, and whether it is accepted',
  about:
    'The exit code is 0 for a credential that is accepted, and 4 for one that is not, or where there is none. "expiring" ' +
    'counts, as far as the caller may see them, the API keys and secrets of the project that expire within 14 days, a ' +
    'hundred of each at most; "more" where there are more. "folder" tells what a mobius.json around says. On a terminal a warning names the commands that list them.',
  examples: ['mobius auth status', 'mobius auth status --profile team -o json | jq -r .accepted'],
  related: ['auth whoami', 'doctor', 'help targets'],
  async run({ io, globals, show, warn }) {
    const destination = await destinationOf(io, globals);
    const { saved } = destination;
    const speech = await speechAt(io, destination);
    // Other systems have no projects.
    const within = speech === undefined ? { project: await projectOf(io, globals) } : {};
    const where =
      destination.kind === 'server'
        ? {
            target: 'server',
            api_url: destination.url,
            ...(destination.dialect === undefined ? {} : { dialect: destination.dialect }),
            ...(destination.organization === undefined ? {} : { organization: destination.organization }),
          }
        : {
            target: 'vault',
            vault: shownPlace(placeOf(io, { ...globals, ...(destination.vault && { vault: destination.vault }) }).path),
          };
    const profile = { ...(saved === undefined ? {} : { profile: saved.name }), ...(await folderOf(io)) };
    const lookAround = async (call: Call) => {
      const who = await call('auth.whoami', {});
      const named = who.project === undefined ? within : { project: who.project };
      const { project } = named;
      if (project === undefined || !showsExpiring(globals)) return { who, named };
      return { who, named, expiring: await expiringIn(call, who, project, io.now()) };
    };
    let source = 'none';
    try {
      if (destination.kind === 'server') source = (await credentialFor(io, globals, destination))?.source ?? source;
      else if (keyOf(globals) === undefined) source = 'owner of the vault';
      else source = io.env.MOBIUS_API_KEY === globals.apiKey ? 'MOBIUS_API_KEY' : '--api-key';
      const { call, close } = await openTarget(io, globals);
      if (speech !== undefined) {
        await call(speech.probe, {}).finally(close);
        const email = saved?.profile.email === undefined ? {} : { email: saved.profile.email };
        show({ ...where, ...profile, credential: source, accepted: true, ...email });
        return 0;
      }
      const { who, named, expiring } = await lookAround(call).finally(close);
      const soon = expiring === undefined ? {} : { expiring };
      show({ ...where, ...profile, credential: source, ...named, ...accepted(who), ...soon });
      if (showsExpiring(globals)) warnOfExpiring({ io, globals, warn }, who, expiring);
      return 0;
    } catch (error) {
      if (!(error instanceof MobiusError)) throw error;
      const refused = error.code === 'unauthorized' ? { accepted: false } : {};
      show({ ...where, ...profile, credential: source, ...within, ...refused });
      throw error;
    }
  },
});
