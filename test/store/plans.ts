import type { Db, Query, Row, Value } from '../../src/store/db.ts';

/** One node of a plan, as PostgreSQL tells it of a statement that it has just done. */
interface Node {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: Node[];
}

export interface Planned {
  sql: string;
  root: Node;
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** All that it went through, not only what it gave on. */
const readBy = (node: Node): number => {
  const removed = ['Rows Removed by Filter', 'Rows Removed by Join Filter', 'Rows Removed by Index Recheck'] as const;
  const each = removed.reduce((sum, name) => sum + (node[name] ?? 0), node['Actual Rows']);
  return each * node['Actual Loops'];
};

/** What of a statement's plan would be slow in a big vault. */
export const problemsOf = ({ sql, root }: Planned, isBig: (table: string) => boolean, most: number): string[] =>
  nodesOf(root).flatMap((node) => {
    const { 'Node Type': type, 'Relation Name': relation = '', 'Index Name': index = '' } = node;
    const isWhole = type === 'Seq Scan' && isBig(relation);
    const rows = readBy(node);
    if (!isWhole && rows <= most) return [];
    return [`${[type, relation, index].filter(Boolean).join(' ')}, ${rows} rows: ${sql.replaceAll(/\s+/g, ' ')}`];
  });

/** The same database, which explains each statement just before it is done, and then does it as if nothing had been. */
export const explaining = (db: Db, told: (planned: Planned) => void): Db => {
  const explain = async (tx: Query, sql: string, params: readonly Value[]): Promise<void> => {
    await tx.run('savepoint explained');
    const [row] = await tx.all<Row>(`explain (analyze, timing off, format json) ${sql}`, params);
    await tx.run('rollback to savepoint explained');
    const [answer] = Object.values(row ?? {}) as unknown as [{ Plan: Node }[]];
    for (const { Plan: root } of answer) told({ sql, root });
  };
  const through = (tx: Query): Query => ({
    async all<R extends Row>(sql: string, params: readonly Value[] = []) {
      await explain(tx, sql, params);
      return tx.all<R>(sql, params);
    },
    async get<R extends Row>(sql: string, params: readonly Value[] = []) {
      await explain(tx, sql, params);
      return tx.get<R>(sql, params);
    },
    async run(sql, params = []) {
      await explain(tx, sql, params);
      return tx.run(sql, params);
    },
  });
  return {
    all: (sql, params) => db.tx('write', (tx) => through(tx).all(sql, params)),
    get: (sql, params) => db.tx('write', (tx) => through(tx).get(sql, params)),
    run: (sql, params) => db.tx('write', (tx) => through(tx).run(sql, params)),
    tx: (mode, body) => db.tx(mode, (tx) => body(through(tx))),
    close: () => db.close(),
  };
};
