/** The header fields of a request to an HTTP hook, all that there are. */
export const DELIVERY_HEADERS = {
  'webhook-id': {
    en: 'id of the event; the same in each attempt',
    ja: 'イベントの ID。どの試行でも同じです',
  },
  'webhook-timestamp': {
    en: 'time of this attempt, in seconds since 1970',
    ja: 'この試行の時刻。1970 年からの秒数です',
  },
  'webhook-signature': {
    en: 'Standard Webhooks: `v1,` and HMAC-SHA-256 of `id.timestamp.body` in base64; several are separated by spaces',
    ja: 'Standard Webhooks の署名。`v1,` と、`id.timestamp.body` の HMAC-SHA-256 の Base64 です。複数のときは空白で区切ります',
  },
  'content-type': { en: '`application/json`', ja: '`application/json`' },
  'content-length': { en: 'octets of the body', ja: '本文のオクテット数' },
  'user-agent': { en: '`Hikyaku`', ja: '`Hikyaku`' },
  host: { en: 'host and port of the URL', ja: 'URL のホストとポート' },
  connection: { en: '`keep-alive`', ja: '`keep-alive`' },
} as const;
/** Those that a receiver needs to verify a request. */
export const SIGNATURE_HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;
