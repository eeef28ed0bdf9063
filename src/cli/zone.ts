/**
 * `hikyaku zone`: prints the DNS records that the operator publishes for the service itself, ready for a zone
 * file. Invariant: it prints no address that only this machine or its own network can reach; it says in a comment
 * which records are missing for that reason, and whether the host name cannot be in public DNS.
 */

import { isIP } from 'node:net';
import { loadConfig } from '../config/config.ts';
import { uncheckable } from '../domains/operator-keeper.ts';
import { isLocalAddress, operatorRecords, type ServiceNames } from '../domains/operator-records.ts';
import { machineAddresses } from '../runtime/addresses.ts';
import { type CommandContext, parseOptions, UsageError } from './usage.ts';

/** What is missing, one sentence a line, if this machine lacks public addresses. */
export function missingWords(names: ServiceNames, own: readonly string[]): readonly string[] {
  const local = own.filter(isLocalAddress);
  const open = own.filter((address) => !isLocalAddress(address));
  if (open.length === 0)
    return [
      local.length === 0
        ? 'This machine has no address.'
        : `This machine has no public address, only ${local.join(', ')}: other hosts cannot reach it under these.`,
      `The A and AAAA records of the hosts, the PTR records and the SPF record ${names.spfInclude} are missing.`,
      'Run `hikyaku zone --address ADDRESS` with each public address that mail leaves from or arrives at.',
    ];
  const missing = ([4, 6] as const)
    .filter((kind) => local.some((one) => isIP(one) === kind) && !open.some((one) => isIP(one) === kind))
    .map(
      (kind) =>
        `The ${kind === 4 ? 'A' : 'AAAA'} records are missing: of IPv${kind}, this machine has only ${local.filter((one) => isIP(one) === kind).join(', ')}. If it has a public IPv${kind} address, give all public addresses with --address.`,
    );
  return missing;
}

export async function run(args: readonly string[], { env }: CommandContext): Promise<number> {
  const options = parseOptions(args, {
    address: { type: 'string', multiple: true },
    json: { type: 'boolean' },
  });
  for (const address of options.address ?? []) {
    if (isIP(address) === 0) throw new UsageError(`'${address}' is not an IP address`);
    if (isLocalAddress(address))
      throw new UsageError(`'${address}' is not a public address: other hosts cannot reach it`);
  }
  const own = machineAddresses();
  const names = loadConfig(env);
  const records = operatorRecords(
    names,
    options.address ?? own.filter((address) => !isLocalAddress(address)),
  );
  const unchecked = uncheckable(names.hostname);
  const missing = [
    ...(unchecked === null ? [] : [unchecked.words.message]),
    ...(options.address === undefined ? missingWords(names, own) : []),
  ];
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(records)}\n`);
    for (const line of missing) process.stderr.write(`${line}\n`);
  } else {
    for (const line of missing) process.stdout.write(`; ${line}\n`);
    for (const { name, type, value } of records) {
      process.stdout.write(`${name}. 3600 IN ${type} ${type === 'TXT' ? JSON.stringify(value) : value}\n`);
    }
  }
  return 0;
}
