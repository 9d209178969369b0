import { AsyncLocalStorage } from 'node:async_hooks';
import { followTransactions } from '../src/store/nested.ts';

/** Whatever asks the outer handle inside a transaction is refused in every test, and does not wait for ever. */
followTransactions(() => new AsyncLocalStorage());
