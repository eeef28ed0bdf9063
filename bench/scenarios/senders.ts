/** Many projects of one instance, each with a domain and a key, and the two doors through which they send. */

import { once } from 'node:events';
import { type Agent, request } from 'node:http';
import { connect as connectTls } from 'node:tls';
import { loadConfig } from '../../src/config/config.ts';
import { newTopic } from '../../src/edj/new-topic.ts';
import { createStaticKey } from '../../src/iam/static-keys.ts';
import { parseDomain } from '../../src/mail/domain.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { openSealer } from '../../src/secret-key.ts';
import { openStore } from '../../src/stores.ts';
import { environment, portOf, type Running } from '../../test/journeys/harness.ts';

export interface Sender {
  readonly domain: string;
  /** The domain's, for HTTP. */
  readonly url: string;
  readonly key: { readonly id: string; readonly secret: string };
}
export interface Door {
  /** Resolves when one more message is accepted. */
  send(): Promise<void>;
  close(): void;
}
const BODY = `${'x'.repeat(76)}\r\n`.repeat(54);

/** Written before the service starts. */
export async function makeSenders(
  directory: string,
  settings: Record<string, string>,
  count: number,
): Promise<readonly Sender[]> {
  const config = loadConfig(environment(directory, settings));
  await using store = await openStore(config, silentLogger, false);
  const sealer = await openSealer(config, store);
  const random = createRandom();
  const now = Date.now();
  return await Promise.all(
    Array.from({ length: count }, async (_, i): Promise<Sender> => {
      const projectId = random.id<'project'>();
      const name = parseDomain(`p${i}.test`)!;
      const ownedDomainId = random.id<'owned-domain'>();
      const domainId = random.id<'mta-domain'>();
      const topicId = random.id<'topic'>();
      const apiClientId = random.id<'api-client'>();
      const expiresAt = null;
      const { key, secret } = await createStaticKey(
        { random, sealer, now },
        { projectId, apiClientId, expiresAt },
      );
      await store.transact(projectId, (tx) => {
        tx.insertProject({ id: projectId, name, sandbox: false, createdAt: now, closedAt: null });
        tx.insertOwnedDomain({
          id: ownedDomainId,
          projectId,
          name,
          challenge: `c${i}`,
          verifiedAt: null,
          proof: null,
          createdAt: now,
        });
        tx.verifyOwnedDomain(projectId, ownedDomainId, now);
        tx.insertTopic(newTopic(topicId, projectId, name, now));
        tx.insertDomain({
          id: domainId,
          projectId,
          ownedDomainId,
          name,
          defaultTopicId: topicId,
          receiving: true,
          mxSeen: true,
          dkimEnabled: false,
          dkimRotationDays: 90,
          limitPerMinute: null,
          limitPerDay: null,
          dns: null,
          createdAt: now,
        });
        tx.insertApiClient({ id: apiClientId, projectId, name: 'sender', roles: ['admin'], createdAt: now });
        tx.insertStaticKey(key);
      });
      return {
        domain: name,
        url: `${config.publicUrl}/mta/v1/domains/${domainId}`,
        key: { id: key.id, secret },
      };
    }),
  );
}

export function byHttp({ ready }: Running, { domain, url, key }: Sender, agent: Agent): Door {
  const payload = JSON.stringify({
    procedure: 'send_message',
    arguments: {
      self: url,
      from: [`sender@${domain}`],
      to: ['someone@out.test'],
      subject: 'bench',
      content_type: 'text/plain; charset=UTF-8',
      body: BODY,
    },
  });
  const options = {
    host: '127.0.0.1',
    port: portOf(ready.http),
    path: '/mta/v1/tasks?is_sync=true',
    method: 'POST',
    agent,
    headers: {
      authorization: `Basic ${Buffer.from(`${key.id}:${key.secret}`).toString('base64')}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
    },
  };
  return {
    send: () =>
      new Promise((resolve, reject) => {
        const call = request(options, (response) => {
          const { statusCode } = response;
          if (statusCode !== 200) reject(new Error(`HTTP ${statusCode}`));
          response.resume().on('end', resolve);
        });
        call.on('error', reject);
        call.end(payload);
      }),
    close() {},
  };
}

/** A session that stays; one message after the other. `i` gives the address it comes from. */
export async function bySmtp({ ready }: Running, { domain, key }: Sender, i: number): Promise<Door> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: portOf(ready.submissions),
    rejectUnauthorized: false,
    localAddress: `127.8.${8 * (i % 16)}.1`,
  } as object);
  socket.setNoDelay(true);
  let text = '';
  let heard: (reply: string) => void = () => {};
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    if (!/^\d{3} [^\r\n]*\r\n$/m.test(text)) return;
    const reply = text;
    text = '';
    heard(reply);
  });
  const gone = once(socket, 'close').then(() => {
    throw new Error(`the session of ${domain} was closed`);
  });
  gone.catch(() => {});
  const reply = (code: string) =>
    Promise.race([
      gone,
      new Promise<void>((resolve, reject) => {
        heard = (said) => (said.startsWith(code) ? resolve() : reject(new Error(said)));
      }),
    ]);
  const ask = (line: string, code: string) => {
    const answered = reply(code);
    socket.write(line, 'latin1');
    return answered;
  };
  await reply('220');
  await ask('EHLO bench.test\r\n', '250');
  await ask(`AUTH PLAIN ${Buffer.from(`\0${key.id}\0${key.secret}`).toString('base64')}\r\n`, '235');
  const header = `From: <sender@${domain}>\r\nTo: <someone@out.test>\r\nSubject: bench\r\n\r\n`;
  let last = Promise.resolve();
  return {
    send() {
      last = last.then(async () => {
        await ask(`MAIL FROM:<sender@${domain}>\r\n`, '250');
        await ask('RCPT TO:<someone@out.test>\r\n', '250');
        await ask('DATA\r\n', '354');
        await ask(`${header}${BODY}.\r\n`, '250');
      });
      return last;
    },
    close: () => void socket.destroy(),
  };
}
