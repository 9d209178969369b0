import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Binding, loadSodium, randomBytes, type Sodium, sha256 } from '../../src/crypto.ts';
import { MobiusError } from '../../src/errors.ts';

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const counting = Uint8Array.from({ length: 32 }, (_, i) => i);

// The native binding is optional: where npm left it out there is nothing to test, where npm put it, it has to load.
const installed = (name: string): string | undefined => {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined;
  }
};
const bindings: Binding[] = installed('sodium-native') === undefined ? ['wasm'] : ['native', 'wasm'];

/** draft-irtf-cfrg-xchacha, A.3.1. */
const vector = {
  plain: ascii(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  ),
  associated: bytes('50515253c0c1c2c3c4c5c6c7'),
  key: bytes('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'),
  nonce: bytes('404142434445464748494a4b4c4d4e4f5051525354555657'),
  sealed: bytes(
    'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39' +
      'ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9' +
      '21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49',
  ),
};

/** Every copy of `original` with one bit turned. */
const flipped = (original: Uint8Array): Uint8Array[] =>
  Array.from({ length: original.length * 8 }, (_, bit) => {
    const copy = Uint8Array.from(original);
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return copy;
  });

/** By our own check: what a binding throws is no MobiusError. */
const refused = (work: () => unknown, name: string): void => {
  expect(work).toThrow(MobiusError);
  expect(work).toThrow(`"${name}" must be`);
};

describe.each(bindings)('%s', (binding) => {
  let sodium: Sodium;
  beforeAll(async () => {
    sodium = await loadSodium(binding);
  });

  it('is the one that was asked for, and the same again', async () => {
    expect(sodium.binding).toBe(binding);
    expect(await loadSodium(binding)).toBe(sodium);
  });

  it('seals and opens the known answer', () => {
    expect(hex(sodium.aeadSeal(vector.plain, vector.associated, vector.nonce, vector.key))).toBe(hex(vector.sealed));
    expect(sodium.aeadOpen(vector.sealed, vector.associated, vector.nonce, vector.key)).toEqual(vector.plain);
  });

  it.each([
    [
      '',
      '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8',
      '4e51e7a913fc80137da52880fecca175bf81e117d5c68126dc2774033517ea0d',
    ],
    [
      'abc',
      'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319',
      'd63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f',
    ],
    [
      'The quick brown fox jumps over the lazy dog',
      '01718cec35cd3d796dd00020e0bfecb473ad23457d063b75eff29c0ffa2e58a9',
      '5d9461aff732d77d0cc98725ea29298c914fd5193b4c08ec9e3ad6b28c3e2faf',
    ],
  ])('hashes "%s" with and without a key', (message, hash, keyedHash) => {
    expect(hex(sodium.hash(ascii(message)))).toBe(hash);
    expect(hex(sodium.keyedHash(ascii(message), counting))).toBe(keyedHash);
  });

  it.each(['sealed', 'associated', 'nonce', 'key'] as const)('refuses each single turned bit of %s', (part) => {
    for (const changed of flipped(vector[part])) {
      const turned = { ...vector, [part]: changed };
      expect(sodium.aeadOpen(turned.sealed, turned.associated, turned.nonce, turned.key)).toBeUndefined();
    }
  });

  it('refuses what was cut short or made longer', () => {
    const { sealed, associated, nonce, key } = vector;
    for (let length = 0; length < sealed.length; length++) {
      expect(sodium.aeadOpen(sealed.subarray(0, length), associated, nonce, key)).toBeUndefined();
    }
    expect(sodium.aeadOpen(Uint8Array.of(...sealed, 0), associated, nonce, key)).toBeUndefined();
    expect(sodium.aeadOpen(sealed, associated.subarray(1), nonce, key)).toBeUndefined();
  });

  it('seals nothing and opens it again', () => {
    const nothing = new Uint8Array(0);
    const sealed = sodium.aeadSeal(nothing, nothing, vector.nonce, vector.key);
    expect(sealed).toHaveLength(16);
    expect(sodium.aeadOpen(sealed, nothing, vector.nonce, vector.key)).toEqual(nothing);
    expect(sodium.aeadOpen(sealed, Uint8Array.of(0), vector.nonce, vector.key)).toBeUndefined();
  });

  it('reads the part of a larger buffer that it was given, and leaves it as it was', () => {
    const pool = Buffer.alloc(256, 7);
    const at = (offset: number, part: Uint8Array): Uint8Array => {
      pool.set(part, offset);
      return pool.subarray(offset, offset + part.length);
    };
    const nonce = at(1, vector.nonce);
    const key = at(33, vector.key);
    const associated = at(77, vector.associated);
    const plain = at(101, vector.plain);
    const before = hex(pool);
    const sealed = sodium.aeadSeal(plain, associated, nonce, key);
    expect(hex(sealed)).toBe(hex(vector.sealed));
    expect(hex(sodium.aeadOpen(sealed, associated, nonce, key))).toBe(hex(vector.plain));
    expect(hex(pool)).toBe(before);
  });

  it('wipes exactly the bytes it was given', () => {
    const whole = Uint8Array.of(1, 2, 3, 4, 5);
    sodium.wipe(whole.subarray(1, 4));
    expect(whole).toEqual(Uint8Array.of(1, 0, 0, 0, 5));
    sodium.wipe(new Uint8Array(0));
  });

  it.each([
    ['nonce', 23],
    ['nonce', 25],
    ['nonce', 0],
    ['nonce', 32],
    ['key', 31],
    ['key', 33],
    ['key', 0],
    ['key', 24],
  ] as const)('stops a %s of %d bytes before the binding', (part, length) => {
    const wrong = { ...vector, [part]: new Uint8Array(length) };
    refused(() => sodium.aeadSeal(wrong.plain, wrong.associated, wrong.nonce, wrong.key), part);
    refused(() => sodium.aeadOpen(wrong.sealed, wrong.associated, wrong.nonce, wrong.key), part);
    refused(() => sodium.aeadOpen(new Uint8Array(3), wrong.associated, wrong.nonce, wrong.key), part);
    if (part === 'key') refused(() => sodium.keyedHash(wrong.plain, wrong.key), part);
  });

  it('stops nonce and key that changed places', () => {
    refused(() => sodium.aeadSeal(vector.plain, vector.associated, vector.key, vector.nonce), 'nonce');
    refused(() => sodium.aeadOpen(vector.sealed, vector.associated, vector.key, vector.nonce), 'nonce');
  });

  const noBytes: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a number', 24],
    ['text', 'x'.repeat(24)],
    ['an array', new Array(24).fill(0)],
    ['an ArrayBuffer', new ArrayBuffer(24)],
    ['a DataView', new DataView(new ArrayBuffer(24))],
    ['another typed array', new Uint16Array(24)],
    ['clamped bytes', new Uint8ClampedArray(24)],
    ['something that claims to be bytes', Object.create(Uint8Array.prototype)],
  ];
  it.each(noBytes)('stops %s in any place before the binding', (_, value) => {
    const wrong = value as Uint8Array;
    const { plain, sealed, associated, nonce, key } = vector;
    refused(() => sodium.aeadSeal(wrong, associated, nonce, key), 'plain');
    refused(() => sodium.aeadSeal(plain, wrong, nonce, key), 'associated');
    refused(() => sodium.aeadSeal(plain, associated, wrong, key), 'nonce');
    refused(() => sodium.aeadSeal(plain, associated, nonce, wrong), 'key');
    refused(() => sodium.aeadOpen(wrong, associated, nonce, key), 'sealed');
    refused(() => sodium.aeadOpen(sealed, wrong, nonce, key), 'associated');
    refused(() => sodium.aeadOpen(sealed, associated, wrong, key), 'nonce');
    refused(() => sodium.aeadOpen(sealed, associated, nonce, wrong), 'key');
    refused(() => sodium.keyedHash(wrong, key), 'message');
    refused(() => sodium.keyedHash(plain, wrong), 'key');
    refused(() => sodium.hash(wrong), 'message');
    refused(() => sodium.wipe(wrong), 'bytes');
  });

  // RFC 8032, 7.1, the second and the third.
  it.each([
    [
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
        '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('knows an Ed25519 signature by %s, and none with another bit', (key, message, signature) => {
    const verify = (one: Uint8Array): boolean => sodium.verifyEd25519(bytes(key), bytes(message), one);
    expect(verify(bytes(signature))).toBe(true);
    expect(flipped(bytes(signature)).filter(verify)).toEqual([]);
    expect(sodium.verifyEd25519(bytes(key), bytes('00'), bytes(signature))).toBe(false);
    expect(sodium.verifyEd25519(new Uint8Array(32), bytes(message), bytes(signature))).toBe(false);
    refused(() => sodium.verifyEd25519(new Uint8Array(31), bytes(message), bytes(signature)), 'publicKey');
    refused(() => verify(new Uint8Array(63)), 'signature');
  });
});

describe.runIf(bindings.length === 2)('both bindings', () => {
  it.each([
    ['native', 'wasm'],
    ['wasm', 'native'],
  ])('what %s seals, %s opens', async (one, other) => {
    const [sealer, opener] = [await loadSodium(one), await loadSodium(other)];
    for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 4096, 100_001]) {
      const [plain, associated, nonce, key] = [length, length % 97, 24, 32].map(randomBytes);
      if (plain === undefined || associated === undefined || nonce === undefined || key === undefined)
        throw new Error();
      const sealed = sealer.aeadSeal(plain, associated, nonce, key);
      expect(hex(opener.aeadOpen(sealed, associated, nonce, key))).toBe(hex(plain));
      expect(opener.keyedHash(plain, key)).toEqual(sealer.keyedHash(plain, key));
      expect(opener.hash(plain)).toEqual(sealer.hash(plain));
    }
  });
});

describe('the choice of a binding', () => {
  it.each(['', undefined])('takes native where it is installed, for %j', async (choice) => {
    expect((await loadSodium(choice)).binding).toBe(bindings[0]);
  });

  it.each(['wasm ', 'Native', 'sumo', 'toString'])('refuses "%s"', async (choice) => {
    const error = await loadSodium(choice).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'usage', message: expect.stringContaining(`"${choice}"`) });
  });

  /** The module as one file, away from every package but those named: what a machine without a prebuilt one has. */
  const folders: string[] = [];
  const bundleBeside = async (...packages: string[]) => {
    const folder = mkdtempSync(join(tmpdir(), 'mobius-crypto-'));
    folders.push(folder);
    mkdirSync(join(folder, 'node_modules'));
    const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
    for (const name of packages) symlinkSync(join(modules, name), join(folder, 'node_modules', name), 'junction');
    await build({
      entryPoints: [fileURLToPath(new URL('../../src/crypto.ts', import.meta.url))],
      outfile: join(folder, 'crypto.mjs'),
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      logLevel: 'error',
    });
    writeFileSync(
      join(folder, 'ask.mjs'),
      `import { createRequire } from 'node:module';
      import { loadSodium, sha256 } from './crypto.mjs';
      sha256(new Uint8Array(1));
      const { cache } = createRequire(import.meta.url);
      const loaded = () => Object.keys(cache).filter((path) => path.includes('sodium')).length;
      const before = loaded();
      const answer = await loadSodium(process.argv[2]).then(
        (sodium) => ({ binding: sodium.binding, hash: Buffer.from(sodium.hash(new Uint8Array(0))).toString('hex') }),
        ({ code, message, hint }) => ({ code, message, hint }),
      );
      console.log(JSON.stringify({ before, ...answer }));`,
    );
    const ask = (choice = ''): unknown =>
      JSON.parse(execFileSync(process.execPath, [join(folder, 'ask.mjs'), choice], { encoding: 'utf8' }));
    return { folder, ask };
  };
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  const hash = '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8';

  it('falls back to wasm where native is missing, and says so where native was forced', async () => {
    const { ask } = await bundleBeside('libsodium-wrappers');
    expect(ask()).toEqual({ before: 0, binding: 'wasm', hash });
    expect(ask('wasm')).toEqual({ before: 0, binding: 'wasm', hash });
    expect(ask('native')).toEqual({
      before: 0,
      code: 'unsupported',
      message: 'the "native" libsodium doesn\'t load here',
      hint: 'unset MOBIUS_SODIUM, so that mobius takes the binding that loads',
    });
  });

  it('falls back to wasm where the addon is of another platform', async () => {
    const { folder, ask } = await bundleBeside('libsodium-wrappers');
    const broken = join(folder, 'node_modules', 'sodium-native');
    mkdirSync(broken);
    writeFileSync(join(broken, 'index.js'), "require('./addon.node');");
    writeFileSync(join(broken, 'addon.node'), 'not a library');
    expect(ask()).toEqual({ before: 0, binding: 'wasm', hash });
    expect(ask('native')).toMatchObject({ code: 'unsupported' });
  });

  it('says that neither loads', async () => {
    const { ask } = await bundleBeside();
    expect(ask()).toMatchObject({
      before: 0,
      code: 'unsupported',
      hint: expect.stringContaining('install mobius anew'),
    });
  });

  it.runIf(bindings.length === 2)('loads native from a bundle, at the first call and not before', async () => {
    const { ask } = await bundleBeside('libsodium-wrappers', 'sodium-native');
    expect(ask()).toEqual({ before: 0, binding: 'native', hash });
  });
});

describe('sha256', () => {
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ])('of "%s"', (message, hash) => {
    expect(sha256(ascii(message))).toEqual(bytes(hash));
  });
});

describe('randomBytes', () => {
  it('gives as many as were asked for, and others each time', () => {
    expect(randomBytes(0)).toEqual(new Uint8Array(0));
    expect(randomBytes(100_000)).toHaveLength(100_000);
    expect(hex(randomBytes(32))).not.toBe(hex(randomBytes(32)));
  });
});
