/** What is there, or will be: where it is there already, to wait for it would cost more than it. */
export type Ready<T> = T | Promise<T>;

/** Goes on with it at once where it is there. */
export const withReady = <T, Result>(value: Ready<T>, next: (value: T) => Ready<Result>): Ready<Result> =>
  value instanceof Promise ? value.then(next) : next(value);
