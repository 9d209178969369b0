import type { FastifyInstance } from 'fastify';
import { sha256 } from '../crypto.ts';
import type { Metrics } from './metrics.ts';

export interface BesidePorts {
  metrics: Metrics;
  /** The text of the document that describes the operations. */
  openapi: string;
  /** What is told of it besides that it is well. */
  health(): Readonly<Record<string, unknown>>;
  /** Rejects where the database doesn't answer. */
  ready(): Promise<void>;
  isDraining(): boolean;
  /** The keys that check what this server signed. */
  publicKeys(): Promise<object[]>;
}

export const jsonType = 'application/json; charset=utf-8';

const publicFor = (seconds: number): Record<string, string> => ({ 'Cache-Control': `public, max-age=${seconds}` });

/** Whether what the caller has already is this. */
const isKnown = (etag: string, ifNoneMatch: string | undefined): boolean =>
  (ifNoneMatch ?? '').split(',').some((one) => ['*', etag].includes(one.trim().replace(/^W\//, '')));

/** What is told beside the operations: how the server is, and what others need to understand it. */
export const addBeside = (app: FastifyInstance, ports: BesidePorts): void => {
  const { metrics, openapi, health, ready, isDraining, publicKeys } = ports;
  const named = (name: string) => ({ config: { named: name } });

  app.get('/openapi.json', named('openapi'), (_, reply) => reply.headers(publicFor(300)).type(jsonType).send(openapi));

  app.get('/.well-known/jwks.json', named('jwks'), async ({ headers }, reply) => {
    const text = JSON.stringify({ keys: await publicKeys() });
    const etag = `"${Buffer.from(sha256(Buffer.from(text))).toString('base64url')}"`;
    reply.headers({ ...publicFor(60), ETag: etag });
    if (isKnown(etag, headers['if-none-match'])) return reply.code(304).send();
    return reply.type(jsonType).send(text);
  });

  app.get('/healthz', named('healthz'), (_, reply) =>
    reply.type(jsonType).send(JSON.stringify({ status: 'ok', ...health() })),
  );

  const readiness = async (): Promise<string> => {
    if (isDraining()) return 'stopping';
    return ready().then(
      () => 'ok',
      () => 'no database',
    );
  };
  app.get('/readyz', named('readyz'), async (_, reply) => {
    const status = await readiness();
    const code = status === 'ok' ? 200 : 503;
    return reply.code(code).type(jsonType).send(JSON.stringify({ status }));
  });

  app.get('/metrics', named('metrics'), async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
};
