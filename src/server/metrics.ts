import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Ahead } from './ahead.ts';

export interface Metrics {
  began(): void;
  /** No label may hold what a caller chose: neither an id nor a path, nor a method that nobody knows. */
  ended(request: { operation: string; method: string }, status: number, seconds: number): void;
  /** Whether the end of the audit log could be kept elsewhere when it was last tried. */
  anchoring(isKept: boolean): void;
  readonly contentType: string;
  text(): Promise<string>;
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** `ahead`: what was counted in the database besides, as text. */
export const openMetrics = (ahead: Ahead): Metrics => {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const requests = new Counter({
    name: 'mobius_http_requests_total',
    help: 'requests that were answered, by operation',
    labelNames: ['operation', 'method', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'mobius_http_request_duration_seconds',
    help: 'how long an answer took, by operation',
    labelNames: ['operation'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  const inFlight = new Gauge({ name: 'mobius_http_in_flight', help: 'requests that are being answered', registers });
  let kept: Gauge | undefined;
  /** Since they were last asked for, by their labels: to find those in the counter each time takes longer. */
  const answered = new Map<string, number>();
  return {
    anchoring(isKept) {
      const help = '1 where the end of the audit log could be kept elsewhere when it was last tried';
      kept ??= new Gauge({ name: 'mobius_audit_anchored', help, registers });
      kept.set(isKept ? 1 : 0);
    },
    began: () => inFlight.inc(),
    ended({ operation, method }, status, seconds) {
      inFlight.dec();
      const labels = `${operation}\n${methods.has(method) ? method : 'other'}\n${status}`;
      answered.set(labels, (answered.get(labels) ?? 0) + 1);
      durations.observe({ operation }, seconds);
    },
    contentType: register.contentType,
    async text() {
      for (const [labels, times] of answered) {
        const [operation = '', method = '', status = ''] = labels.split('\n');
        requests.inc({ operation, method, status }, times);
      }
      answered.clear();
      return `${await register.metrics()}${await ahead.text()}`;
    },
  };
};
