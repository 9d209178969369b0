import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { freePort, postgresPrograms } from '../store/postgres.ts';
import { type Block, linesOf } from './blocks.ts';
import { newMachine } from './machine.ts';
import { type Done, runCrontab, runPipeline } from './pipelines.ts';
import type { Fate, Scene } from './scenes.ts';
import { openShell, type Typed } from './shell.ts';
import { teamEnv } from './team.ts';

/** What became of one line, as it should have and as it did. */
export interface Outcome {
  line: string;
  code: number;
  expected: number;
  /** On stderr, where nothing should be said. */
  said: string;
}

export interface Stage {
  play(block: Block): Promise<Outcome[]>;
  /** What the scene replaces that stood nowhere. */
  unused(): string[];
  close(): Promise<void>;
}

/** The addresses that our own servers have in the documents. */
const addresses = /https?:\/\/(?:mobius\.example\.com|127\.0\.0\.1:7373|api\.\w+\.example)(?![\w.])/g;

const withoutComment = (line: string): string => line.replace(/\s+# .*$/, '');

/** A person's part: waits for a server, types a password, confirms in a browser. */
const withPerson = (line: string, port: number): string => {
  const bare = withoutComment(line);
  if (/^(\w+=\S+ )*mobius serve\b/.test(line))
    return `ended\n${bare} --listen 127.0.0.1:${port} > /dev/null 2> served.log & started`;
  if (/^mobius users create [^<]*$/.test(bare)) return `${bare} < password.txt`;
  if (!line.startsWith('mobius auth login ') || line.includes('--with-token')) return line;
  return line.includes('--email') ? `${bare} < password.txt` : `confirmed ${bare}`;
};

/** As a document shows what differs each time. */
const compared = (text: string, home: string): string =>
  text
    .replaceAll('/home/ada', home)
    .replace(/\b([a-z]{3,4})_01\w{24}\b/g, '$1_...')
    .replace(/\bmbx_\w+/g, 'mbx_...')
    .replace(/^(key_suffix +)\w+$/gm, '$1...')
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/--cursor \S+/g, '--cursor ...')
    .replace(/\b(\d+ seconds? ago|now)\b/g, 'ago')
    .replace(/[ \t]+/g, ' ')
    .replace(/ +$/gm, '')
    .trim();

/** Of one that is to be made: its address, its name, its server, and what makes it. */
const databaseNames = (database: string): Record<string, string> => {
  const { pathname } = new URL(database);
  const programs = postgresPrograms();
  return {
    ...{ database, name: pathname.slice(1), server: database.replace(pathname, '/postgres') },
    createdb: programs === undefined ? 'createdb' : join(programs, 'createdb'),
  };
};

export const openStage = async (path: string, scene: Scene, database?: string): Promise<Stage> => {
  const machine = newMachine();
  const folder = join(machine.work, 'here');
  const bin = machine.env.PATH?.split(':')[0] ?? '';
  mkdirSync(folder);
  for (const [name, text] of Object.entries(scene.files ?? {}))
    writeFileSync(join(folder, name), text, { mode: 0o755 });
  for (const [name, text] of Object.entries(scene.programs ?? {}))
    writeFileSync(join(bin, name), text, { mode: 0o755 });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // Root becomes somebody else for a team's server, who has to come this far.
  if (scene.team) chmodSync(dirname(machine.work), 0o755);
  const team = scene.team ? await teamEnv(dirname(machine.work)) : undefined;
  const shell = openShell(machine, folder, { SERVER: url, ...scene.env, ...team });

  const ours: Readonly<Record<string, string>> = {
    ...{ home: machine.home, bin, root: resolve('.') },
    ...(database === undefined ? {} : databaseNames(database)),
    ...team,
  };
  const filled = (text: string): string => text.replace(/\{(\w+)\}/g, (all, name: string) => ours[name] ?? all);
  const used = new Set<RegExp | string>();
  const replaced = (text: string): string => {
    let result = text.replaceAll('/usr/local/bin/', `${bin}/`);
    for (const [what, by] of scene.instead ?? []) {
      const next = typeof what === 'string' ? result.replaceAll(what, filled(by)) : result.replace(what, filled(by));
      if (next !== result) used.add(what);
      result = next;
    }
    return result.replace(addresses, url);
  };

  const type = async (line: string): Promise<Typed> => shell.type(withPerson(replaced(line), port));
  /** What it said besides what the scene expects of it. */
  const unexpected = (line: string, stderr: string): string => {
    const [start, says = ''] = Object.entries(scene.says ?? {}).find(([beginning]) => line.startsWith(beginning)) ?? [];
    if (start === undefined || !stderr.startsWith(says)) return stderr;
    used.add(start);
    return '';
  };
  const typed = async (line: string): Promise<Outcome> => {
    const { code, stderr } = await type(line);
    const [, exits] = /# exits with (\d+)/.exec(line) ?? [];
    return { line, code, expected: Number(exits ?? 0), said: exits === undefined ? unexpected(line, stderr) : '' };
  };
  const outcomes = (done: readonly Done[]): Outcome[] =>
    done.map(({ said, code, stderr }) => ({
      line: said,
      code: code ?? -1,
      expected: 0,
      said: unexpected(said, stderr),
    }));

  /** As a terminal shows it: a line, and what it says. */
  const shown = async (text: string): Promise<Outcome[]> => {
    const results: Outcome[] = [];
    for (const part of text.split(/^\$ /m).filter((one) => one.trim() !== '')) {
      const [line = '', ...output] = part.split('\n');
      const expected = compared(output.join('\n'), machine.home);
      const shownLine = `MOBIUS_OUTPUT=pretty ${line}`;
      const isServed = line.startsWith('mobius serve');
      const { code, stdout } = await type(isServed ? shownLine : `{ ${shownLine}\n} 2>&1`);
      const said = compared(
        stdout.replaceAll(url, 'http://127.0.0.1:7373').replaceAll(new URL(url).host, '127.0.0.1:7373'),
        machine.home,
      );
      const fails = expected.includes('mobius: error: ');
      const difference = said === expected ? '' : `it shows\n${said}\nnot\n${expected}`;
      results.push({ line, code: fails ? Math.min(code, 1) : code, expected: fails ? 1 : 0, said: difference });
    }
    return results;
  };

  const taken: Record<string, number> = {};
  const fateOf = (language: string): Fate | undefined => {
    const at = taken[language] ?? 0;
    taken[language] = at + 1;
    return scene.fates?.[language]?.[at];
  };
  const write = async (fate: Fate, text: string): Promise<Outcome[]> => {
    if ('readBy' in fate) {
      const isRead = readFileSync(fate.readBy, 'utf8').includes(path);
      return [{ line: `${fate.readBy} reads ${path}`, code: isRead ? 0 : 1, expected: 0, said: '' }];
    }
    const file = resolve(folder, filled(fate.file));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${replaced(text)}\n`, { mode: fate.mode ?? 0o644 });
    return fate.usedBy === undefined ? [] : [await typed(filled(fate.usedBy))];
  };

  const close = async (): Promise<void> => {
    await shell.end();
    machine.remove();
  };

  for (const line of scene.before ?? []) {
    const { code, stderr } = await type(filled(line));
    if (code === 0) continue;
    await close();
    throw new Error(`before ${path}: ${line} ended with ${code}: ${stderr}`);
  }

  return {
    async play({ language, text, line }) {
      if (language === 'sh') {
        const results: Outcome[] = [];
        for (const one of linesOf(text)) results.push(await typed(one));
        return results;
      }
      if (language === 'console') return shown(text);
      if (language === 'crontab') {
        const done = await runCrontab(replaced(text), machine);
        // Whatever a line says is mailed to somebody.
        return outcomes(done.map((one) => ({ ...one, stderr: one.stdout + one.stderr })));
      }
      if (language === 'yaml') {
        const secrets = Object.entries(scene.secrets ?? {}).map(([name, file]) => [
          name,
          readFileSync(resolve(folder, filled(file)), 'utf8').trim(),
        ]);
        return outcomes(await runPipeline(replaced(text), { machine, folder, secrets: Object.fromEntries(secrets) }));
      }
      if (language === 'json') JSON.parse(text);
      if (language === 'text' && !/^(\$ )?mobius /m.test(text)) return [];
      const fate = fateOf(language);
      if (fate !== undefined) return write(fate, text);
      if (language === 'json') return [];
      throw new Error(`${path}:${line}: nobody knows what to do with a block of "${language}"`);
    },
    unused: () => [
      ...[...(scene.instead ?? []).map(([what]) => what), ...Object.keys(scene.says ?? {})]
        .filter((what) => !used.has(what))
        .map((what) => `nowhere stands ${what}`),
      ...Object.entries(scene.fates ?? {})
        .filter(([language, fates]) => (taken[language] ?? 0) < fates.length)
        .map(([language]) => `a block of ${language} is missing`),
    ],
    close,
  };
};
