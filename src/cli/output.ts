/**
 * What happens if the output of a command cannot be written. A closed pipe (`| head`) ends the program quietly, as
 * SIGPIPE ends other programs. A full disk ends it with status 1 and one line. Invariant: nothing that follows the
 * failed write is done, so that a command which shows a secret before its last step can show it again.
 */
import type { Writable } from 'node:stream';

const SIGPIPE = 13;
/** For commands that can show the same again. */
export const UNWRITTEN = 'write it elsewhere, or make room, and run the command again';

export interface Output {
  readonly stdout: Pick<Writable, 'on'>;
  readonly stderr: Pick<Writable, 'on'> & { write(text: string): unknown };
  readonly exit: (status: number) => void;
}
/** `advice`: what to do about the output that was lost. */
export function watchOutput(name: string, { stdout, stderr, exit }: Output, advice: string): void {
  const isGone = ({ code }: NodeJS.ErrnoException) => code === 'EPIPE';
  stderr.on('error', (error: Error) => exit(isGone(error) ? 128 + SIGPIPE : 1));
  stdout.on('error', (error: Error) => {
    if (isGone(error)) return exit(128 + SIGPIPE);
    stderr.write(`hikyaku ${name}: the output could not be written (${error.message}): ${advice}\n`);
    exit(1);
  });
}
