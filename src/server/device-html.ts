import type { DeviceRequest } from '../generated/types.ts';

/** Text that is markup already; any other is escaped where it is put into a page. */
export interface Html {
  readonly markup: string;
}

type Part = string | Html | readonly Html[] | undefined;

/**
 * What a reader's eye would obey instead of showing, or not see at all. A name made by whoever asks must not be able to
 * look like another one.
 */
const obeyed = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

const visible = (text: string): string =>
  text.replace(obeyed, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}}`);

/** The one place where a value becomes part of a page: nothing in it is markup, in an attribute or between tags. */
export const escaped = (text: string): string =>
  visible(text).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);

const markupOf = (part: Part): string => {
  if (part === undefined) return '';
  if (typeof part === 'string') return escaped(part);
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('');
};

const html = (texts: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  markup: texts.map((text, index) => `${text}${markupOf(parts[index])}`).join(''),
});

/** The only one of the page: the policy names its hash, so that no other is obeyed. */
export const style = `
:root { color-scheme: light dark; --ink: #1c1e21; --quiet: #5b6168; --page: #f4f5f7; --card: #fff; --line: #c9cdd2;
  --act: #1f5fbf; --on-act: #fff; --wrong: #a3211b; --wrong-page: #fdeeed }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --quiet: #a3a9b1; --page: #141618; --card: #1f2225; --line: #474c53;
    --act: #8ab4f8; --on-act: #10233f; --wrong: #f5aca7; --wrong-page: #3b1f1e }
}
* { box-sizing: border-box }
body { margin: 0; padding: 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
main { max-width: 26rem; margin: 6vh auto 0; padding: 1.5rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .75rem }
h1 { margin: 0 0 1rem; font-size: 1.375rem; line-height: 1.25 }
p { margin: 0 0 1rem }
label { display: block; margin: 0 0 .25rem; font-weight: 600 }
input { width: 100%; margin: 0 0 1rem; padding: .625rem .75rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: .5rem }
button { width: 100%; min-height: 2.75rem; margin: 0 0 .75rem; padding: .5rem 1rem; font: inherit; font-weight: 600;
  cursor: pointer; color: var(--act); background: transparent; border: 1px solid var(--act); border-radius: .5rem }
button.first { color: var(--on-act); background: var(--act) }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
.wrong { padding: .75rem; color: var(--wrong); background: var(--wrong-page); border-radius: .5rem }
.code { font: 700 1.75rem/1.2 ui-monospace, monospace; letter-spacing: .08em; text-align: center }
dl { margin: 0 0 1rem } dt { color: var(--quiet); font-size: .875rem } dd { margin: 0 0 .5rem }
footer { margin-top: 1rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--quiet);
  font-size: .875rem }
footer button { width: auto; min-height: 0; margin: 0; padding: .25rem .5rem; font-weight: 400; border: 0;
  text-decoration: underline }
`;

/** What every form carries. */
export interface Frame {
  /** The path of the page as a browser sees it, `/device` where no proxy puts something before it. */
  path: string;
  /** Proves that the form was ours; see `device-cookies.ts`. */
  token: string;
  /** What is wrong, in a sentence. */
  alert?: string | undefined;
}

const page = (title: string, alert: string | undefined, body: Html): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · mobius</title>
<style>${{ markup: style }}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${alert === undefined ? undefined : html`<p class="wrong" role="alert">${alert}</p>`}
${body}
</main>
</body>
</html>
`.markup;

const hidden = (name: string, value: string | undefined): Html | undefined =>
  value === undefined ? undefined : html`<input type="hidden" name="${name}" value="${value}">`;

const signedIn = ({ path, token }: Frame, who: string): Html => html`<footer>
<form method="post" action="${path}/sign-out">${hidden('form', token)}
Signed in as <bdi>${who}</bdi>. <button>Sign out</button></form>
</footer>`;

export const signInPage = (frame: Frame, { code, email }: { code?: string | undefined; email?: string } = {}): string =>
  page(
    'Sign in',
    frame.alert,
    html`<p>A program asks to act in your name. Sign in to see which.</p>
<form method="post" action="${frame.path}/sign-in">${hidden('form', frame.token)}${hidden('user_code', code)}
<label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="username" required value="${email ?? ''}"
${email ? undefined : html`autofocus`}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required
${email ? html`autofocus` : undefined}>
<button class="first">Sign in</button>
</form>`,
  );

export const codePage = (frame: Frame, who: string): string =>
  page(
    'Enter the code',
    frame.alert,
    html`<p>It stands where you began the login, eight letters such as <bdi>BCDF-GHJK</bdi>.</p>
<form method="get" action="${frame.path}">
<label for="user_code">Code</label>
<input id="user_code" name="user_code" autocomplete="one-time-code" autocapitalize="characters" spellcheck="false"
maxlength="32" required autofocus>
<button class="first">Go on</button>
</form>
${signedIn(frame, who)}`,
  );

const minutes = (milliseconds: number): string => {
  const count = Math.floor(milliseconds / 60_000);
  if (count < 1) return 'less than a minute';
  return count === 1 ? '1 minute' : `${count} minutes`;
};

const fact = (name: string, value: Html | undefined): Html | undefined =>
  value === undefined ? undefined : html`<dt>${name}</dt><dd>${value}</dd>`;

const named = (value: string | undefined): Html | undefined =>
  value === undefined ? undefined : html`<bdi>${value}</bdi>`;

/** Who asks and for what. Looking at it decides nothing: the two buttons do. */
export const askPage = (frame: Frame, who: string, request: DeviceRequest, now: number): string =>
  page(
    'Confirm this login?',
    frame.alert,
    html`<p class="code">${request.user_code}</p>
<p>Compare this code with the one on your screen. Confirm only what you began yourself: whoever shows this code will be
able to act in your name.</p>
<dl>
${fact('Who asks', named(request.label))}
${fact('Program', named(request.client))}
${fact('From the address', named(request.ip_address))}
${fact(
  'Asked',
  html`${minutes(now - Date.parse(request.created_at))} ago; it can be confirmed for
${minutes(Date.parse(request.expires_at) - now)} more`,
)}
${fact('For', request.project === undefined ? html`everything that you may do` : html`the project <bdi>${request.project}</bdi> alone`)}
</dl>
<form method="post" action="${frame.path}/decide">${hidden('form', frame.token)}${hidden('user_code', request.user_code)}
<button class="first" name="decision" value="confirm">Confirm</button>
<button name="decision" value="refuse">Refuse</button>
</form>
${signedIn(frame, who)}`,
  );

export const donePage = ({ state, label }: Pick<DeviceRequest, 'state' | 'label'>): string =>
  state === 'approved'
    ? page('Confirmed', undefined, html`<p><bdi>${label}</bdi> is logged in now. You can close this page.</p>`)
    : page(
        'Refused',
        undefined,
        html`<p><bdi>${label}</bdi> was not let in. You can close this page.</p>
<p>If you did not begin this login, somebody else tried to get in through you: tell whoever runs this server.</p>`,
      );

/** A page that only tells something, with a way back to where one begins. */
export const noticePage = (title: string, text: string, link: string): string =>
  page(title, text, html`<p><a href="${link}">Begin again</a></p>`);
