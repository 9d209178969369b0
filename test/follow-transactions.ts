import { AsyncLocalStorage } from 'node:async_hooks';
import { type Around, followTransactions } from '../src/store/nested.ts';

/**
 * Whatever asks the outer handle inside a transaction is refused in every test, and does not wait for ever. Between
 * transactions nothing is followed: each that is makes every promise dearer, and a test may open thousands of databases.
 */
followTransactions(<T>(): Around<T> => {
  const storage = new AsyncLocalStorage<T>();
  return {
    getStore: () => storage.getStore(),
    async run(transaction, body) {
      try {
        return await storage.run(transaction, body);
      } finally {
        storage.disable();
      }
    },
  };
});
