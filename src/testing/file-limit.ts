/**
 * Preload for tests: a file that does not end by itself ends with an error. A test that has timed out may leave a server
 * or a timer behind, and the runner would wait for its process for ever.
 */
// A browser walks through the whole console, once for each language.
const LIMIT_MS = process.argv[1]?.endsWith('.e2e.ts') ? 900_000 : 300_000;

// The runner loads this, too, and lasts longer than any file.
if (process.env['NODE_TEST_CONTEXT'] !== undefined)
  setTimeout(() => {
    console.error(`${process.argv[1]} did not end within ${LIMIT_MS / 1000} seconds`);
    process.exit(1);
  }, LIMIT_MS).unref();
