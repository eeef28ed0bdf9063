/**
 * The service of the crash test: as `hikyaku serve`, with short waits between attempts, and ending itself with SIGKILL at
 * the n-th occurrence of a named moment (HIKYAKU_TEST_CRASH=moment:n).
 */
import { loadConfig } from '../../src/config/config.ts';
import { createLogger, startService } from '../../src/service.ts';

const config = loadConfig(process.env);
const logger = createLogger(config);
const stop = new AbortController();
const [moment = '', nth = '0'] = (process.env['HIKYAKU_TEST_CRASH'] ?? '').split(':');
let left = Number(nth);
const service = await startService(config, logger, stop.signal, {
  retry: { baseMs: 100, maxMs: 1000 },
  probe(passed) {
    if (passed === moment && --left === 0) process.kill(process.pid, 'SIGKILL');
  },
});
const { http, mx, submission, submissions } = service;
logger.info({ http, mx, submission, submissions }, 'ready');
process.once('SIGTERM', () => {
  stop.abort();
  void service[Symbol.asyncDispose]().then(() => process.exit(0));
});
