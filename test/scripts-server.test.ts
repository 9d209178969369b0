import { describe } from 'vitest';
import { served } from './places.ts';
import { runScriptsIn } from './scripts/in-places.ts';

describe('server', () => runScriptsIn(served()));
