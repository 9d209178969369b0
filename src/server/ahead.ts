import { Gauge, Registry } from 'prom-client';
import type { Core } from '../core/core.ts';

/** Numbers that the database has to be asked for. */
export interface Ahead {
  /** The lines of what was last counted; empty where that can't be told. Never rejects, and never waits for long. */
  text(): Promise<string>;
}

interface AheadPorts {
  soon: Core['soon'];
  now(): number;
}

type Soon = Awaited<ReturnType<Core['soon']>>;

const dayMs = 86_400_000;
const within = { label: '7d', ms: 7 * dayMs };
const everyMs = 30_000;
/** A scrape waits no longer; what comes later is told by the next one. */
const patienceMs = 2_000;

const gauges: readonly { name: string; help: string; labels: Record<string, string>; value: (soon: Soon) => number }[] =
  [
    {
      name: 'mobius_api_keys_expiring',
      help: 'API keys that work and end within this time',
      labels: { within: within.label },
      value: ({ keysExpiring }) => keysExpiring,
    },
    {
      name: 'mobius_secrets_expiring',
      help: 'secrets whose values stop working within this time, or did already',
      labels: { within: within.label },
      value: ({ secretsExpiring }) => secretsExpiring,
    },
    {
      name: 'mobius_rotations_due',
      help: 'keys and secrets with a schedule that are to be rotated by now',
      labels: {},
      value: ({ rotationsDue }) => rotationsDue,
    },
    {
      name: 'mobius_rotations_open',
      help: 'rotations that are under way, or were left',
      labels: {},
      value: ({ rotationsOpen }) => rotationsOpen,
    },
  ];

const textOf = (soon: Soon): Promise<string> => {
  const register = new Registry();
  for (const { name, help, labels, value } of gauges) {
    const gauge = new Gauge({ name, help, labelNames: Object.keys(labels), registers: [register] });
    gauge.set(labels, value(soon));
  }
  return register.metrics();
};

/** What it gives, or nothing where that takes too long. */
const inTime = async (looking: Promise<string>): Promise<string> => {
  let timer: NodeJS.Timeout | undefined;
  const tired = new Promise<string>((done) => {
    timer = setTimeout(() => done(''), patienceMs);
  });
  const text = await Promise.race([looking, tired]);
  clearTimeout(timer);
  return text;
};

/** However often it is asked, and by however many at once, the database is not asked more than once in half a minute. */
export const openAhead = ({ soon, now }: AheadPorts): Ahead => {
  let last: { at: number; text: Promise<string>; ended: boolean } | undefined;

  const look = (at: number): Promise<string> => {
    // Where nobody knows, nothing is told: an old number would look like one of now.
    const text = soon(within.ms)
      .then(textOf)
      .catch(() => '');
    const begun = { at, text, ended: false };
    last = begun;
    return text.finally(() => {
      begun.ended = true;
    });
  };
  /** A clock that was set back must not keep an old number for as long. */
  const isFresh = ({ at, ended }: { at: number; ended: boolean }): boolean =>
    !ended || (now() >= at && now() - at < everyMs);

  return { text: () => inTime(last !== undefined && isFresh(last) ? last.text : look(now())) };
};
