import type { Globals } from '../command.ts';
import { paintFor } from '../show.ts';
import { visible } from '../visible.ts';
import type { Finding } from './finding.ts';

const counted = (number: number, what: string): string[] =>
  number === 0 ? [] : [`${number} ${what}${number === 1 ? '' : 's'}`];

/** For a person: a line each, and below it what to do. */
export const screenOf = async (findings: readonly Finding[], { color }: Pick<Globals, 'color'>): Promise<string> => {
  const paint = await paintFor(color);
  const paints = { ok: paint.good, warning: paint.strong, error: paint.bad };
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, detail, mend }) => [
    `${paints[state](state.padEnd('warning'.length))}  ${check.padEnd(width)}  ${visible(detail)}`,
    ...(mend === undefined
      ? []
      : [`${' '.repeat('warning'.length + width + 4)}${paint.faint('mend:')} ${visible(mend)}`]),
  ]);
  return `${lines.join('\n')}\n`;
};

export const summaryOf = (findings: readonly Finding[]): string => {
  const of = (state: Finding['state']): number => findings.filter((one) => one.state === state).length;
  const wrong = [...counted(of('error'), 'error'), ...counted(of('warning'), 'warning')];
  return wrong.length === 0 ? 'all is as it should be' : wrong.join(', ');
};
