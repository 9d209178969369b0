import { isIPv4, isIPv6 } from 'node:net';
import { MobiusError } from '../errors.ts';

export interface Address {
  host: string;
  port: number;
}

const wrong = (text: string): MobiusError =>
  new MobiusError('usage', `--listen must be HOST:PORT, not "${text}"`, { field: 'listen' }, 'such as: 127.0.0.1:7373');

/** HOST:PORT, with an IPv6 host in brackets. */
export const parseAddress = (text: string): Address => {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]/@\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (bracketed !== undefined && !isIPv6(bracketed))) throw wrong(text);
  return { host: host.toLowerCase() === 'localhost' ? '127.0.0.1' : host, port };
};

/** Whether only programs of this machine can reach it. A name can come to mean another address, so none counts. */
export const isLoopback = ({ host }: Address): boolean =>
  isIPv4(host) ? host.startsWith('127.') : /^(?:0{0,4}:){2,7}0{0,3}1$/.test(host);

export const spelled = ({ host, port }: Address): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`;
