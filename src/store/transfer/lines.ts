/**
 * The lines of a gzipped file, one after the other. Rejects if the file cannot be read, is not gzip, or is
 * not complete.
 */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { TransferError } from './format.ts';

/** `onOctets` gets the number of octets of the file that were read. Ends with the signal's reason. */
export async function* linesOf(
  file: string,
  {
    signal,
    onOctets = () => {},
  }: { readonly signal: AbortSignal; readonly onOctets?: (octets: number) => void },
): AsyncGenerator<string> {
  const source = createReadStream(file);
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  source.pipe(gunzip).setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of gunzip as AsyncIterable<string>) {
      signal.throwIfAborted();
      onOctets(source.bytesRead);
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      yield* lines;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_') !== true) throw error;
    throw new TransferError(`${file} is damaged or not a Hikyaku export`);
  } finally {
    source.destroy();
  }
  if (rest !== '') yield rest;
}
