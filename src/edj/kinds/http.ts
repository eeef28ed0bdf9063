/** An HTTP hook: the service sends the event as JSON by POST, signed as Standard Webhooks says. */
import { textOf } from '../../runtime/settings.ts';
import { signedBody } from '../hook-body.ts';
import { makeWebhookSecret, webhookSigner } from '../webhook-signature.ts';
import { type HttpKind, judgeByStatus } from './kind.ts';
import { httpUrl } from './texts.ts';

export const http: HttpKind = {
  transport: 'http',
  label: { en: 'HTTP hook', ja: 'HTTP フック' },
  about: {
    en: 'The service sends each event as JSON by POST. The signature follows Standard Webhooks.',
    ja: 'イベントを JSON で POST します。署名は Standard Webhooks に従います。',
  },
  fields: {
    url: { type: 'text', label: { en: 'URL', ja: 'URL' }, read: httpUrl },
    inline: {
      type: 'switch',
      label: { en: 'Include the contents of attachments', ja: '添付ファイルの内容を含める' },
      otherwise: false,
    },
  },
  makeSecret: makeWebhookSecret,
  example: { url: 'https://hook.example/mail' },
  options: ({ inline }) => ({ body: true, inline: inline === true, deprecated: true }),
  async request({ event, rendered, settings, sealed, now, large }) {
    const signer = webhookSigner(event.id, now, [textOf(sealed, 'secret')]);
    const body = await signedBody(rendered, signer, large);
    return {
      url: textOf(settings, 'url'),
      headers: { 'content-type': 'application/json', ...signer.headers() },
      body: body.octets,
      [Symbol.dispose]: () => body[Symbol.dispose](),
    };
  },
  judge: judgeByStatus,
};
