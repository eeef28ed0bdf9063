/** Preload for tests: real DNS and sockets to anything but loopback throw, so that no test touches the outside. */
import dns from 'node:dns';
import net from 'node:net';
import './file-limit.ts';

const LOOPBACK = /^(127\.|::1$|::ffff:127\.|localhost$)/;

function refuse(what: string): never {
  throw new Error(`a test touched the outside: ${what}`);
}

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
  const first = (Array.isArray(args[0]) ? args[0][0] : args[0]) as
    | { host?: string; path?: string; lookup?: net.LookupFunction }
    | number
    | string;
  const host =
    typeof first === 'object' && first !== null
      ? first.path !== undefined
        ? '127.0.0.1'
        : (first.host ?? '127.0.0.1')
      : typeof args[1] === 'string'
        ? args[1]
        : '127.0.0.1';
  // A caller that looks the name up itself is judged by what it finds.
  if (typeof first === 'object' && first?.lookup !== undefined && net.isIP(host) === 0) {
    const own = first.lookup;
    first.lookup = (name, options, callback) =>
      own(name, options, (error, found, family) => {
        const addresses = typeof found === 'string' ? [found] : found.map(({ address }) => address);
        if (error === null && !addresses.every((address) => LOOPBACK.test(address)))
          return callback(new Error(`a test touched the outside: ${name} is ${addresses.join(', ')}`), '', 0);
        callback(error, found, family);
      });
  } else if (!LOOPBACK.test(host)) refuse(`connect to ${host}`);
  return Reflect.apply(connect, this, args);
} as typeof connect;

for (const name of ['resolve', 'resolve4', 'resolve6', 'resolveMx', 'resolveTxt', 'reverse'] as const) {
  (dns as unknown as Record<string, unknown>)[name] = () => refuse(`dns.${name}`);
  (dns.promises as unknown as Record<string, unknown>)[name] = () => refuse(`dns.promises.${name}`);
}
const lookup = dns.lookup;
(dns as unknown as Record<string, unknown>)['lookup'] = (name: string, ...rest: unknown[]) => {
  if (!LOOPBACK.test(name)) refuse(`dns.lookup(${name})`);
  return Reflect.apply(lookup, dns, [name, ...rest]);
};
