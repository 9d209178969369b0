import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dropDatabase, newDatabase, noPostgres } from '../store/postgres-shared.ts';
import { documentOf, documents } from './blocks.ts';
import { withTools } from './machine.ts';
import { chapterOf, type Scene, scenes } from './scenes.ts';
import { openStage } from './stage.ts';
import { teamTools } from './team.ts';

/** What the documents say to type, typed; what they say to write, written and used. */

const test = withTools('curl', 'jq');

const isOf = ({ chapters }: Scene, chapter: string): boolean => chapters?.includes(chapter) ?? true;

it('each document has its scenes, and each of its blocks is in one of them', () => {
  expect(Object.keys(scenes).sort()).toEqual([...documents].sort());
  for (const path of documents) {
    const places = documentOf(path).map((block) => ({
      block: `${path}:${block.line}`,
      scenes: scenes[path]?.filter((scene) => isOf(scene, chapterOf(block))).length,
    }));
    expect(places).toEqual(places.map((place) => ({ ...place, scenes: 1 })));
  }
});

it('each link leads to a file', () => {
  for (const path of documents) {
    const links = [...readFileSync(path, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, to = '']) => to);
    expect(
      links.filter((to) => !existsSync(join(dirname(path), to))),
      path,
    ).toEqual([]);
  }
});

const reason = noPostgres();

const play = async (path: string, scene: Scene): Promise<void> => {
  const database = scene.database ? await newDatabase() : undefined;
  // Its name is free again, for the document makes it.
  if (database !== undefined) await dropDatabase(database);
  const stage = await openStage(path, scene, database);
  try {
    for (const block of documentOf(path).filter((one) => isOf(scene, chapterOf(one)))) {
      for (const { line, ...outcome } of await stage.play(block)) {
        expect({ line, ...outcome }, `${path}:${block.line}`).toEqual({
          line,
          code: outcome.expected,
          expected: outcome.expected,
          said: '',
        });
      }
    }
    expect(stage.unused()).toEqual([]);
  } finally {
    await stage.close();
    if (database !== undefined) await dropDatabase(database);
  }
};

describe('every block works', () => {
  for (const [path, acts] of Object.entries(scenes)) {
    for (const scene of acts) {
      const name = [path, ...(scene.chapters ?? [])].filter((one) => one !== '').join(', ');
      const isLeftOut = scene.database && reason !== undefined && !process.env.CI;
      if (isLeftOut) process.stderr.write(`left out: ${path} (${reason})\n`);
      const played = isLeftOut ? it.skip : scene.team ? withTools(...teamTools) : test;
      played(name, () => play(path, scene), 240_000);
    }
  }
});
