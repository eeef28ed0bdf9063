/** Other programs' readers of headers, each run once over many messages: what they take for author, sender and Bcc. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../journeys/harness.ts';

export interface Seen {
  /** Index of the message. */
  readonly message: number;
  /** As the reader has it, in lower case, without white space around it. */
  readonly name: string;
  readonly value: string;
  /** As the reader's own parser of addresses finds them. */
  readonly addresses: readonly string[];
}
export interface OtherReader {
  readonly title: string;
  /** Exits with 0 where the reader can be run. */
  readonly probe: readonly string[];
  readonly run: readonly string[];
}
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

export const OTHER_READERS: readonly OtherReader[] = [
  { title: "Python's email", probe: ['python3', '-c', 'import email'], run: ['python3', here('read.py')] },
  { title: "Go's net/mail", probe: ['go', 'version'], run: ['go', 'run', here('read.go')] },
  {
    title: "Perl's Mail::Header",
    probe: ['perl', '-MMail::Header', '-MMail::Address', '-e', '1'],
    run: ['perl', here('read.pl')],
  },
];

export async function canRun({ probe: [program, ...args] }: OtherReader): Promise<boolean> {
  const child = spawn(program!, args, { stdio: 'ignore' });
  const [status] = await Promise.race([once(child, 'close'), once(child, 'error').then(() => [1])]);
  return status === 0;
}

/** Throws where the reader fails on any message. */
export async function readAll(
  { run: [program, ...args] }: OtherReader,
  messages: readonly Buffer[],
): Promise<Seen[]> {
  const directory = temporaryDirectory();
  try {
    const file = join(directory, 'messages');
    writeFileSync(file, messages.map((message) => `${message.toString('base64')}\n`).join(''));
    const child = spawn(program!, [...args, file], {
      env: {
        ...process.env,
        GO111MODULE: 'off',
        GOFLAGS: '',
        CGO_ENABLED: '0',
        GOCACHE: join(directory, 'go'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    const seen: Seen[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const [message, ...texts] = line.split(' ');
      const [name, value, ...addresses] = texts.map((text) => Buffer.from(text, 'base64').toString('utf8'));
      seen.push({ message: Number(message), name: name!.trim().toLowerCase(), value: value!, addresses });
    }
    const [status] = await ended;
    if (status !== 0) throw new Error(`${program} ended with ${status}`);
    return seen;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
