/** The event object of Gehirn EDJ as a JSON Schema: what programs that were written for it may rely on. */
const text = { type: 'string' };
const time = { type: 'string', format: 'date-time' };

export const GEHIRN_EVENT = {
  type: 'object',
  additionalProperties: false,
  required: ['@version', 'id', 'service', 'name', 'summary', 'content', 'attachments', 'created_at'],
  properties: {
    '@version': { const: '1' },
    id: text,
    service: text,
    name: text,
    summary: { type: 'string', maxLength: 8192, pattern: '^[^\\r]*$' },
    content: true,
    attachments: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['content_type', 'encoding', 'content'],
        properties: {
          content_type: text,
          filename: text,
          encoding: { enum: ['7bit', '8bit', 'base64'] },
          content: text,
        },
      },
    },
    created_at: time,
    expires_at: time,
    short: text,
    raw: true,
    topic_id: text,
  },
} as const;
