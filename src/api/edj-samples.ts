/** /edj/v1: what a subscriber would be sent, and sending it a sample as a test. */
import type { EventName } from '../contract/events.ts';
import * as ops from '../contract/operations/edj.ts';
import type { Resources } from '../contract/resources/index.ts';
import type { Target } from '../edj/call.ts';
import { subscriberKindOf } from '../edj/kinds/kinds.ts';
import { splitNew } from '../edj/kinds/sealed.ts';
import type { Tested } from '../edj/samples.ts';
import type { Subscriber } from '../edj/topics.ts';
import type { ProjectId, SubscriberId, TopicId } from '../runtime/ids.ts';
import { createTally } from '../runtime/rates.ts';
import { goneSignal } from './client-gone.ts';
import { found } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { checkSubscriberSender } from './edj-sender.ts';
import type { Handle } from './handle.ts';
import { settingsOf } from './kinds.ts';
import { Problem } from './problems.ts';
import { targetOf } from './subscriber-target.ts';

const WINDOW_MS = 60_000;
/** Tests of a project in a minute. */
const MOST_TESTS = 6;

export function edjSampleRoutes(handle: Handle, deps: ApiDeps): void {
  const { read, samples, clock } = deps;
  const tests = createTally(clock, WINDOW_MS);

  async function subscriberOf(project: ProjectId, topicId: TopicId, id: SubscriberId): Promise<Subscriber> {
    const subscriber = await read.subscriber(project, id);
    return found(subscriber?.topicId === topicId ? subscriber : null);
  }
  async function previewOf(
    target: Omit<Target, 'id'>,
    project: ProjectId,
    topicId: TopicId,
    event: EventName,
  ): Promise<Resources['SubscriberPreview']> {
    return { event, ...(await samples.preview(target, { project, topicId }, event)) };
  }

  handle(ops.previewSubscriber, async ({ body, params, query, projectId }) => {
    const topic = found(await read.topic(projectId, params.id));
    const { type, ...given } = body;
    const kind = subscriberKindOf(type)!;
    const read_ = settingsOf(kind, given, '', deps.allowPrivateTargets);
    await checkSubscriberSender(read, kind, read_, projectId);
    const { settings, sealed } = splitNew(kind, read_, deps.random);
    return previewOf({ kind, settings, sealed }, projectId, topic.id, eventOf(query));
  });
  handle(ops.getSubscriberPreview, async ({ params, query, projectId }) => {
    const subscriber = await subscriberOf(projectId, params.id, params.subscriber);
    return previewOf(targetOf(deps.sealer, subscriber), projectId, params.id, eventOf(query));
  });
  handle(ops.testSubscriber, async (call): Promise<Resources['SubscriberTest']> => {
    const { params, query, projectId, reply } = call;
    const target = targetOf(deps.sealer, await subscriberOf(projectId, params.id, params.subscriber));
    if (tests.count(projectId) + 1 > MOST_TESTS) throw tooManyTests();
    tests.add(projectId);
    const event = eventOf(query);
    const place = { project: projectId, topicId: params.id };
    const tested = await samples.test(target, place, event, goneSignal(reply));
    return { event, ...outcomeOf(tested), duration_ms: tested.ms };
  });
}
type Outcome = Pick<Resources['SubscriberTest'], 'outcome' | 'status' | 'answer' | 'error'>;
function outcomeOf(tested: Tested): Outcome {
  const none = { status: null, answer: null, error: null };
  if (tested.kind === 'failed')
    return { ...none, outcome: 'failed', error: { code: tested.code, detail: tested.detail } };
  const outcome = tested.verdict.kind;
  if (tested.via === 'http') return { ...none, outcome, status: tested.status, answer: tested.answer };
  const { result } = tested;
  if ('error' in result) return { ...none, outcome, error: { code: result.error, detail: result.detail } };
  const answer = 'message' in result ? `message ${result.message} is in the queue` : result.skipped;
  return { ...none, outcome, answer };
}
const eventOf = ({ event = 'incoming' }: { readonly event?: EventName }): EventName => event;
const tooManyTests = () =>
  new Problem('too-many-tests', `the project has made ${MOST_TESTS} tests within a minute`, {
    headers: { 'retry-after': String(WINDOW_MS / 1000) },
  });
