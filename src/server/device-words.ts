import { MobiusError } from '../errors.ts';

const waiting = ({ details }: MobiusError): string => {
  const seconds = Number(details.retry_after_seconds ?? 60);
  const time = seconds < 120 ? `${seconds} second${seconds === 1 ? '' : 's'}` : `${Math.ceil(seconds / 60)} minutes`;
  return `There were too many tries. Wait ${time}, then try again.`;
};

/** Why somebody can't sign in; undefined for what is not theirs to mend. */
export const signInFault = (error: MobiusError): string | undefined => {
  if (error.code === 'unauthorized')
    return 'This e-mail address and password do not belong together, or may not sign in.';
  if (error.code === 'invalid_input')
    return 'Fill in your e-mail address, such as name@example.com, and your password.';
  return error.code === 'rate_limit_exceeded' ? waiting(error) : undefined;
};

/** What is wrong with a code; undefined for what has another reason. */
export const codeFault = (error: MobiusError): string | undefined => {
  if (error.code === 'not_found')
    return 'No login waits for this code. It may be mistyped, or expired: it lasts ten minutes.';
  if (error.code === 'conflict') return 'This login was decided already. Begin a new one where you need it.';
  if (error.code === 'invalid_input') return 'This is no code: it has eight letters, such as BCDF-GHJK.';
  return error.code === 'rate_limit_exceeded' ? waiting(error) : undefined;
};

/** Everything else, as a page of its own says it: nothing of an error that is not meant for readers. */
export const noticeOf = (error: unknown, status: number): { title: string; text: string } => {
  const reason = error instanceof MobiusError ? error.details.reason : undefined;
  if (reason === 'origin') {
    return { title: 'Not from here', text: 'The form did not stand on this page, so nothing was done.' };
  }
  if (reason === 'form') {
    const text = 'This form is no longer good, or your browser keeps no cookies. Nothing was done.';
    return { title: 'Too old', text };
  }
  if (status === 429 || status === 503) {
    return { title: 'Busy', text: 'The server has too much to do. Try again in a moment.' };
  }
  if (status < 500) return { title: 'Not understood', text: 'The server could not make sense of what was sent.' };
  return { title: 'Something went wrong', text: 'Something went wrong inside the server. Try again in a moment.' };
};
