/**
 * An example of each event, as an HTTP hook got it from a running service, without the deprecated `short` and `raw`. Ids, times,
 * addresses and keys are replaced by stable ones. test/events/examples.test.ts writes this file and compares it.
 */
import type { EventContent } from './event-contents.ts';
import type { EventName } from './events.ts';
import type { Resources } from './resources/index.ts';

type Example<N extends EventName> = Omit<Resources['WholeEvent'], 'content'> & {
  readonly content: EventContent<N>;
};

export const EVENT_EXAMPLES: { readonly [N in EventName]: Example<N> } = {
  incoming: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'incoming',
    summary:
      'From: A Writer <writer@example.net>\nTo: orders@example.com\nDate: Fri, 02 Jan 2026 03:04:05 +0000\nSubject: An order\n\nTwo boxes, please.',
    content: {
      header_list: [
        {
          raw_name: 'Return-Path',
          raw_value: ' <writer@example.net>',
        },
        {
          raw_name: 'Authentication-Results',
          raw_value:
            ' mail.example.org;\r\n\tspf=pass smtp.mailfrom=writer@example.net;\r\n\tdkim=none;\r\n\tdmarc=none header.from=example.net;\r\n\tarc=none',
        },
        {
          raw_name: 'Received',
          raw_value:
            ' from mx.example.net ([192.0.2.1])\r\n\tby mail.example.org with ESMTP\r\n\tid 0198c0de-0000-7000-8000-00000000000d; Fri, 02 Jan 2026 03:04:05 +0000',
        },
        {
          raw_name: 'From',
          raw_value: ' A Writer <writer@example.net>',
        },
        {
          raw_name: 'To',
          raw_value: ' orders@example.com',
        },
        {
          raw_name: 'Date',
          raw_value: ' Fri, 02 Jan 2026 03:04:05 +0000',
        },
        {
          raw_name: 'Subject',
          raw_value: ' An order',
        },
        {
          raw_name: 'Message-ID',
          raw_value: ' <order@example.net>',
        },
        {
          raw_name: 'MIME-Version',
          raw_value: ' 1.0',
        },
        {
          raw_name: 'Content-Type',
          raw_value: ' multipart/mixed; boundary=b',
        },
      ],
      header_map: {
        'Return-Path': ['<writer@example.net>'],
        'Authentication-Results': [
          'mail.example.org;\tspf=pass smtp.mailfrom=writer@example.net;\tdkim=none;\tdmarc=none header.from=example.net;\tarc=none',
        ],
        Received: [
          'from mx.example.net ([192.0.2.1])\tby mail.example.org with ESMTP\tid 0198c0de-0000-7000-8000-00000000000d; Fri, 02 Jan 2026 03:04:05 +0000',
        ],
        From: ['A Writer <writer@example.net>'],
        To: ['orders@example.com'],
        Date: ['Fri, 02 Jan 2026 03:04:05 +0000'],
        Subject: ['An order'],
        'Message-ID': ['<order@example.net>'],
        'MIME-Version': ['1.0'],
        'Content-Type': ['multipart/mixed; boundary=b'],
      },
      body: '--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nTwo boxes, please.\r\n--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=boxes.csv\r\n\r\nbox,2\r\n--b--\r\n',
      rule: {
        id: '0198c0de-0000-7000-8000-000000000009',
        type: 'account',
        local_part: 'orders',
      },
      domain: {
        id: '0198c0de-0000-7000-8000-000000000006',
        name: 'example.com',
      },
      envelope: {
        mail_from: 'writer@example.net',
        recipients: ['orders@example.com'],
      },
      authentication: {
        spf: {
          result: 'pass',
          domain: 'example.net',
          scope: 'mfrom',
        },
        dkim: [],
        dmarc: {
          result: 'none',
          policy: null,
          domain: 'example.net',
          alignment: {
            spf: false,
            dkim: false,
          },
        },
        arc: {
          result: 'none',
        },
      },
      id: '0198c0de-0000-7000-8000-00000000000d',
      message_id: '<order@example.net>',
      raw_url: 'https://hikyaku.example/mta/v1/messages/0198c0de-0000-7000-8000-00000000000d/raw',
      parsed: {
        subject: 'An order',
        date: '2026-01-02T03:04:05.000Z',
        from: [
          {
            name: 'A Writer',
            address: 'writer@example.net',
          },
        ],
        sender: [],
        reply_to: [],
        to: [
          {
            name: null,
            address: 'orders@example.com',
          },
        ],
        cc: [],
        text: 'Two boxes, please.',
        html: null,
        attachments: [
          {
            name: 'boxes.csv',
            content_type: 'text/csv',
            disposition: 'attachment',
            content_id: null,
            size: 5,
          },
        ],
      },
    },
    attachments: [
      {
        content_type: 'text/csv',
        filename: 'boxes.csv',
        encoding: 'base64',
        content: '',
      },
    ],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  outgoing: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'outgoing',
    summary:
      'From: The Shop <shop@example.com>\nTo: customer@example.net\nDate: Fri, 02 Jan 2026 03:04:05 +0000\nSubject: Your order\n\nIt is on its way.\n',
    content: {
      header_list: [
        {
          raw_name: 'Received',
          raw_value:
            ' by mail.example.org with HTTP\r\n\tid 0198c0de-0000-7000-8000-00000000000d; Fri, 02 Jan 2026 03:04:05 +0000',
        },
        {
          raw_name: 'From',
          raw_value: ' The Shop <shop@example.com>',
        },
        {
          raw_name: 'To',
          raw_value: ' customer@example.net',
        },
        {
          raw_name: 'Subject',
          raw_value: ' Your order',
        },
        {
          raw_name: 'Date',
          raw_value: ' Fri, 02 Jan 2026 03:04:05 +0000',
        },
        {
          raw_name: 'Message-ID',
          raw_value: ' <order-1@example.com>',
        },
        {
          raw_name: 'MIME-Version',
          raw_value: ' 1.0',
        },
        {
          raw_name: 'Content-Type',
          raw_value: ' text/plain; charset=UTF-8',
        },
        {
          raw_name: 'Content-Transfer-Encoding',
          raw_value: ' 7bit',
        },
      ],
      header_map: {
        Received: [
          'by mail.example.org with HTTP\tid 0198c0de-0000-7000-8000-00000000000d; Fri, 02 Jan 2026 03:04:05 +0000',
        ],
        From: ['The Shop <shop@example.com>'],
        To: ['customer@example.net'],
        Subject: ['Your order'],
        Date: ['Fri, 02 Jan 2026 03:04:05 +0000'],
        'Message-ID': ['<order-1@example.com>'],
        'MIME-Version': ['1.0'],
        'Content-Type': ['text/plain; charset=UTF-8'],
        'Content-Transfer-Encoding': ['7bit'],
      },
      body: 'It is on its way.\r\n',
      rule: {
        id: '0198c0de-0000-7000-8000-00000000000a',
      },
      domain: {
        id: '0198c0de-0000-7000-8000-000000000006',
        name: 'example.com',
      },
      envelope: {
        mail_from: 'shop@example.com',
        recipients: ['customer@example.net'],
      },
      id: '0198c0de-0000-7000-8000-00000000000d',
      message_id: '<order-1@example.com>',
      raw_url: 'https://hikyaku.example/mta/v1/messages/0198c0de-0000-7000-8000-00000000000d/raw',
      parsed: {
        subject: 'Your order',
        date: '2026-01-02T03:04:05.000Z',
        from: [
          {
            name: 'The Shop',
            address: 'shop@example.com',
          },
        ],
        sender: [],
        reply_to: [],
        to: [
          {
            name: null,
            address: 'customer@example.net',
          },
        ],
        cc: [],
        text: 'It is on its way.\n',
        html: null,
        attachments: [],
      },
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  accepted: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'accepted',
    summary: 'Accepted: mail from shop@example.com to customer@example.net',
    content: {
      id: '0198c0de-0000-7000-8000-00000000000d',
      message_id: '<order-1@example.com>',
      domain: {
        id: '0198c0de-0000-7000-8000-000000000006',
        name: 'example.com',
      },
      recipient: {
        id: '0198c0de-0000-7000-8000-00000000003d',
        address: 'customer@example.net',
      },
      sender: 'shop@example.com',
      sequence: 1,
      attempt: 0,
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  delivered: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'delivered',
    summary: 'delivered customer@example.net: 250 2.0.0 message accepted',
    content: {
      id: '0198c0de-0000-7000-8000-00000000000d',
      message_id: '<order-1@example.com>',
      domain: {
        id: '0198c0de-0000-7000-8000-000000000006',
        name: 'example.com',
      },
      recipient: {
        id: '0198c0de-0000-7000-8000-00000000003d',
        address: 'customer@example.net',
      },
      sender: 'shop@example.com',
      sequence: 2,
      attempt: 1,
      remote: {
        host: 'mx.example.net',
        address: '192.0.2.1',
        port: 25,
      },
      tls: {
        version: 'TLSv1.3',
        cipher: 'TLS_AES_256_GCM_SHA384',
        verified: false,
      },
      reply: {
        code: 250,
        enhanced: '2.0.0',
        text: 'message accepted',
      },
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  deferred: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'deferred',
    summary: 'deferred busy@example.net: 451 4.7.1 try again later',
    content: {
      id: '0198c0de-0000-7000-8000-00000000000d',
      message_id: '<order-1@example.com>',
      domain: {
        id: '0198c0de-0000-7000-8000-000000000006',
        name: 'example.com',
      },
      recipient: {
        id: '0198c0de-0000-7000-8000-00000000003d',
        address: 'busy@example.net',
      },
      sender: 'shop@example.com',
      sequence: 2,
      attempt: 1,
      remote: {
        host: 'mx.example.net',
        address: '192.0.2.1',
        port: 25,
      },
      tls: {
        version: 'TLSv1.3',
        cipher: 'TLS_AES_256_GCM_SHA384',
        verified: false,
      },
      reply: {
        code: 451,
        enhanced: '4.7.1',
        text: 'try again later',
      },
      classification: 'policy',
      cause: 'recipient refused',
      next_attempt_at: '2026-01-02T03:09:05.000Z',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  bounced: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'bounced',
    summary: 'bounced unknown@example.net: 550 5.1.1 no such user here',
    content: {
      id: '0198c0de-0000-7000-8000-00000000000d',
      message_id: '<order-1@example.com>',
      domain: {
        id: '0198c0de-0000-7000-8000-000000000006',
        name: 'example.com',
      },
      recipient: {
        id: '0198c0de-0000-7000-8000-00000000003d',
        address: 'unknown@example.net',
      },
      sender: 'shop@example.com',
      sequence: 2,
      attempt: 1,
      remote: {
        host: 'mx.example.net',
        address: '192.0.2.1',
        port: 25,
      },
      tls: {
        version: 'TLSv1.3',
        cipher: 'TLS_AES_256_GCM_SHA384',
        verified: false,
      },
      reply: {
        code: 550,
        enhanced: '5.1.1',
        text: 'no such user here',
      },
      classification: 'no-such-recipient',
      cause: 'recipient refused',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  expired: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'expired',
    summary: 'expired busy@example.net: 451 4.7.1 try again later',
    content: {
      id: '0198c0de-0000-7000-8000-00000000000d',
      message_id: '<order-1@example.com>',
      domain: {
        id: '0198c0de-0000-7000-8000-000000000006',
        name: 'example.com',
      },
      recipient: {
        id: '0198c0de-0000-7000-8000-00000000003d',
        address: 'busy@example.net',
      },
      sender: 'shop@example.com',
      sequence: 3,
      attempt: 2,
      remote: {
        host: 'mx.example.net',
        address: '192.0.2.1',
        port: 25,
      },
      tls: {
        version: 'TLSv1.3',
        cipher: 'TLS_AES_256_GCM_SHA384',
        verified: false,
      },
      reply: {
        code: 451,
        enhanced: '4.7.1',
        text: 'try again later',
      },
      classification: 'policy',
      cause: 'recipient refused',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  held: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'held',
    summary: 'held later@example.net: suspended: their server is being moved',
    content: {
      id: '0198c0de-0000-7000-8000-00000000000d',
      message_id: '<order-1@example.com>',
      domain: {
        id: '0198c0de-0000-7000-8000-000000000006',
        name: 'example.com',
      },
      recipient: {
        id: '0198c0de-0000-7000-8000-00000000003d',
        address: 'later@example.net',
      },
      sender: 'shop@example.com',
      sequence: 2,
      attempt: 0,
      cause: 'suspended: their server is being moved',
      next_attempt_at: '2026-01-02T03:09:05.000Z',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  cancelled: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'cancelled',
    summary: 'cancelled later@example.net: cancel by api_client 0198c0de-0000-7000-8000-000000000002',
    content: {
      id: '0198c0de-0000-7000-8000-00000000000d',
      message_id: '<order-1@example.com>',
      domain: {
        id: '0198c0de-0000-7000-8000-000000000006',
        name: 'example.com',
      },
      recipient: {
        id: '0198c0de-0000-7000-8000-00000000003d',
        address: 'later@example.net',
      },
      sender: 'shop@example.com',
      sequence: 3,
      attempt: 0,
      cause: 'cancel by api_client 0198c0de-0000-7000-8000-000000000002',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  'domain.verified': {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'domain.verified',
    summary: 'domain.verified: example.com',
    content: {
      domain: 'example.com',
      checked_at: '2026-01-02T03:04:05.000Z',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  'domain.dns_error': {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'domain.dns_error',
    summary: 'domain.dns_error: example.com',
    content: {
      domain: 'example.com',
      problems: [
        {
          item: 'mx',
          status: 'missing',
          expected: ['10 mail.example.org'],
          found: [],
          message: 'example.com has no MX record. Publish MX 10 mail.example.org.',
          message_ja: 'example.com に MX レコードがありません。MX 10 mail.example.org を登録してください。',
        },
      ],
      checked_at: '2026-01-02T03:04:05.000Z',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  'domain.dns_recovered': {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'domain.dns_recovered',
    summary: 'domain.dns_recovered: example.com',
    content: {
      domain: 'example.com',
      problems: [],
      checked_at: '2026-01-02T03:04:05.000Z',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  'dkim.rotated': {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'dkim.rotated',
    summary:
      'dkim.rotated: example.com\nPublish the TXT record hk0123456789._domainkey.example.com. The key begins to sign by itself five days after it is first seen.',
    content: {
      domain: 'example.com',
      selector: 'hk0123456789',
      record: {
        type: 'TXT',
        name: 'hk0123456789._domainkey.example.com',
        value: 'v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
      },
      stage: 'pending',
      message:
        'Publish the TXT record hk0123456789._domainkey.example.com. The key begins to sign by itself five days after it is first seen.',
      message_ja:
        'TXT レコード hk0123456789._domainkey.example.com を登録してください。鍵が確認されてから 5 日後に、この鍵での署名が自動で始まります。',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  'limit.approaching': {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'limit.approaching',
    summary: "8 of the project's limit of 10 recipients per day are used",
    content: {
      window: 'day',
      scope: 'project',
      domain: null,
      limit: 10,
      used: 8,
      at: '2026-01-02T03:04:05.000Z',
      room_returns_at: '2026-01-03T03:04:05.000Z',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  'limit.exceeded': {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'limit.exceeded',
    summary: "mail was refused or held: the project's limit of 10 recipients per day is reached (10 used)",
    content: {
      window: 'day',
      scope: 'project',
      domain: null,
      limit: 10,
      used: 10,
      at: '2026-01-02T03:04:05.000Z',
      room_returns_at: '2026-01-03T03:04:05.000Z',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  'limit.raised': {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'mta',
    name: 'limit.raised',
    summary: 'limits raised: 1000 recipients per day (before: 10)',
    content: {
      scope: 'project',
      before: {
        per_minute: 300,
        per_day: 10,
      },
      after: {
        per_minute: 300,
        per_day: 1000,
      },
      windows: [
        {
          window: 'day',
          limit: 1000,
          used: 10,
          room_returns_at: null,
        },
      ],
      request: {
        id: '0198c0de-0000-7000-8000-000000000016',
      },
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
  publish: {
    '@version': '1',
    id: '0198c0de-0000-7000-8000-000000000011',
    service: 'edj',
    name: 'publish',
    summary: 'The shop opens.',
    content: {
      message: 'The shop opens.',
    },
    attachments: [],
    created_at: '2026-01-02T03:04:05.000Z',
    topic_id: '0198c0de-0000-7000-8000-000000000007',
  },
};
