/** It brings no types; `crypto.ts` says what it takes of it. */
declare module 'sodium-native';
