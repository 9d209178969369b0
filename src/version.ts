declare const MOBIUS_VERSION: string | undefined;

/** The package's, put in by the build. */
export const version: string = typeof MOBIUS_VERSION === 'string' ? MOBIUS_VERSION : '0.0.0-source';
