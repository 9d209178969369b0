import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Machine } from './machine.ts';

export interface Typed {
  code: number;
  stdout: string;
  stderr: string;
}

/** One bash that a person types in: what a line sets, the next one finds. */
export interface Shell {
  type(line: string): Promise<Typed>;
  /** Its end ends what it left running. */
  end(): Promise<void>;
}

/** What stands in for a person at a server: who waits for its address, and who confirms a login in a browser. */
const persons = String.raw`
set -o pipefail
serving= team=
ended() {
  [ -z "$serving" ] || { kill "$serving" && wait "$serving"; }
  serving=
  : > served.log
}
team_started() {
  "$@" > team.log 2>&1 &
  team=$!
  until grep -q 'ready at' team.log; do kill -0 $team || { cat team.log >&2; return 1; }; sleep 0.1; done
  jq -r .password team/admin.json > password.txt
}
trap 'ended; [ -z "$team" ] || { kill $team; wait $team; }' EXIT
ended_at_first_line() {
  : > followed.log
  "$@" > followed.log &
  until [ -s followed.log ]; do kill -0 $! || return 1; sleep 0.05; done
  kill $!
  wait $!
  [ $? = 143 ]
}
started() {
  serving=$!
  until grep -q '"url"' served.log; do kill -0 "$serving" || { cat served.log >&2; return 1; }; sleep 0.05; done
}
confirmed() {
  : > login.log
  "$@" --no-browser 2> login.log < /dev/null &
  local login=$! code token
  until code=$(grep -oE '\b[A-Z0-9]{4}-[A-Z0-9]{4}\b' login.log | head -n 1); do
    kill -0 $login || { cat login.log >&2; return 1; }
    sleep 0.05
  done
  token=$(curl -H 'Content-Type: application/json' -d "{\"email\":\"ada@example.com\",\"password\":\"$(cat password.txt)\"}" "$SERVER/v1/auth/login" | jq -r .access_token)
  curl -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d "{\"user_code\":\"$code\",\"approve\":true}" "$SERVER/v1/auth/device/decide" > confirmed.json
  wait $login || { cat login.log >&2; return 1; }
}
`;

export const openShell = (machine: Machine, folder: string, env: Readonly<Record<string, string>>): Shell => {
  // A failure of curl is one of the line, and nothing else is said of it.
  writeFileSync(join(machine.home, '.curlrc'), 'fail-with-body\nsilent\nshow-error\n');
  const child = spawn('bash', ['--norc'], {
    cwd: folder,
    // What is installed for everybody stays in this home.
    env: { ...machine.env, npm_config_prefix: machine.home, ...env },
    stdio: ['pipe', 'ignore', 'inherit', 'pipe'],
  });
  const gone = new Promise<void>((done) => child.on('close', () => done()));
  const codes = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  child.stdin?.write(persons);
  const at = (name: string): string => join(machine.work, name);
  return {
    async type(line) {
      writeFileSync(at('typed'), `${line}\n`);
      child.stdin?.write(`. '${at('typed')}' < /dev/null > '${at('stdout')}' 2> '${at('stderr')}'; echo $? >&3\n`);
      const { value, done } = await codes.next();
      if (done === true) throw new Error(`the shell has ended with: ${line}\n${readFileSync(at('stderr'), 'utf8')}`);
      return {
        code: Number(value),
        stdout: readFileSync(at('stdout'), 'utf8'),
        stderr: readFileSync(at('stderr'), 'utf8'),
      };
    },
    async end() {
      child.stdin?.end();
      await gone;
    },
  };
};
