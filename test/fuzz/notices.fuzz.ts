/**
 * Messages for people (Slack, Pushover) of a mail whose author, subject and text are the input: the service takes them,
 * and nothing of the input has an effect.
 */
import assert from 'node:assert/strict';
import { wrongOf } from '../../src/testing/fake-pushover.ts';
import { readSlackMessage } from '../../src/testing/fake-slack.ts';
import type { Target } from './engine/target.ts';

type EventJson = typeof import('../../src/edj/event-json.ts');
type Notice = typeof import('../../src/edj/notice.ts');
type Samples = typeof import('../../src/edj/samples.ts');
type Slack = typeof import('../../src/edj/kinds/slack.ts');
type Pushover = typeof import('../../src/edj/kinds/pushover.ts');

export const target: Target = {
  words: [
    '<',
    '>',
    '&',
    '&lt;',
    '<!channel>',
    '<@U012AB3CD>',
    '<https://a.example|b>',
    'https://',
    'a.example',
    'a．example',
    '|',
    '*a*',
    ':tada:',
    '"',
    '\\',
    '\n',
    '\r\n\r\n',
    '\0',
    '\u2028',
    '\u202e',
    '\u200b',
    '\u200d',
    '\u0301',
    '\u{1d4b3}',
    '\u{e0041}',
    '\ufffd',
  ],
  async open(load) {
    const { plainEventJson } = await load<EventJson>('edj/event-json.ts');
    const { NOTICE_OPTIONS } = await load<Notice>('edj/notice.ts');
    const { sampleEvent } = await load<Samples>('edj/samples.ts');
    const { slack } = await load<Slack>('edj/kinds/slack.ts');
    const { pushover } = await load<Pushover>('edj/kinds/pushover.ts');
    const sample = sampleEvent('incoming', { project: '' as never, topicId: 'topic' as never });
    const content = sample.content as { readonly parsed: object };
    const signal = new AbortController().signal;

    return async (input) => {
      const text = input.toString('utf8');
      const [name = '', subject = ''] = text.split('\n', 2);
      const parsed = { ...content.parsed, subject, from: [{ name, address: 'a@example.net' }] };
      const event = { ...sample, content: { ...content, parsed }, summary: `Subject: x\n\n${text}` };
      const octets = plainEventJson(event, NOTICE_OPTIONS);
      const deps = {
        event,
        rendered: {
          async *pieces() {
            yield octets;
          },
        },
        settings: { priority: '2', retry: '30', expire: '30' },
        sealed: { url: 'https://slack.example/', user: 'u', token: 't' },
        ...{ now: 0, publicUrl: 'https://hikyaku.example' },
        large: { places: null as never, share: '', signal },
      };
      using toSlack = await slack.request(deps);
      const { effects } = readSlackMessage(String(toSlack.body));
      assert.deepEqual(
        effects.filter((effect) => !effect.startsWith('mention !date^')),
        ['link https://hikyaku.example/#/topics/topic?tab=events'],
      );
      using toPushover = await pushover.request(deps);
      const message = JSON.parse(String(toPushover.body));
      assert.equal(wrongOf(message), null);
      for (const shown of [message.title, message.message]) {
        assert.doesNotMatch(shown, /[\p{L}\p{N}](?::\/\/|[.．][\p{L}\p{N}])/u);
        assert.doesNotMatch(shown, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
      }
    };
  },
};
