import { expect, it } from 'vitest';
import { readSchemas } from '../../src/tools/read.ts';
import { typesFile } from '../../src/tools/types.ts';
import { sampleFolder } from './sample.ts';

it('writes models, inputs, outputs and the table that joins them', async () => {
  expect(await typesFile(readSchemas(sampleFolder()))).toBe(`export interface Cat {
  /** cat_… */
  id: string;
  /** of the fur */
  colour?: Colour;
  /** left */
  lives?: number;
  /** when */
  born_at: string;
  /** ids */
  friends?: string[];
  /** up to 8 */
  tags?: Tags;
}

export type CatAdopted = Cat & {
  /** once */
  chip: string;
};

/** of the fur */
export type Colour = 'black' | 'white';

/** up to 8 */
export interface Tags {
  [k: string]: string;
}

export interface CatsAdoptInput {
  /** the project it is about */
  project?: string;
  /** the cat's, for good */
  name: string;
  /** of the fur */
  colour?: Colour;
  /** how many */
  lives?: number;
  /** stays in */
  indoor?: boolean;
  /** when */
  born_at?: string;
  /** by name */
  friends?: string[];
  /** as seen */
  moods?: ('calm' | 'wild')[];
  /** up to 8 */
  tags?: Tags;
  /** of your own */
  notes?: {
    [k: string]: unknown;
  };
  /** what it wears */
  collar?: {
    size: number | null;
    label?: string;
  };
  /** by door */
  pins?: {
    [k: string]: string;
  };
  /** to go out by */
  doors?: {
    /** to open */
    pin?: string;
  }[];
}

export interface CatsListInput {
  /** only these */
  colour?: Colour;
}

export interface CatsListOutput {
  /** what was found */
  items: Cat[];
}

export interface CatsReleaseInput {
  /** the project it is about */
  project?: string;
  /** which */
  id: string;
  /** even if it sleeps */
  force?: boolean;
}

export interface Operations {
  'cats.adopt': { input: CatsAdoptInput; output: CatAdopted };
  'cats.list': { input: CatsListInput; output: CatsListOutput };
  'cats.release': { input: CatsReleaseInput; output: void };
}
`);
});
