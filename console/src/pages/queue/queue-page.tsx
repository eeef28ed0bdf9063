/** The queue of the project: what waits for which destination and why, and what is suspended. */
import { Group, Table, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList, useResource } from '../../api/queries.ts';
import type { QueueLane, Suspension } from '../../api/resources.ts';
import { named, showNumber, showTime } from '../../i18n.ts';
import { ListView, Page, Section } from '../../ui/page.tsx';
import { QueueAction } from './queue-action.tsx';

const REFRESH_MS = 10_000;
/** Lanes of mail that is held have names that no destination can have. */
const isHeld = ({ site }: QueueLane): boolean => site.includes(':');

export function QueuePage() {
  const { t } = useTranslation();
  const lanes = useList(
    ['queue', 'lanes'],
    (cursor, signal) => ask(api.GET('/mta/v1/queues', { params: { query: { cursor } }, signal })),
    { everyMs: REFRESH_MS },
  );
  const all = { all: true };
  return (
    <Page title={t('queue.title')} intro={t('queue.intro')}>
      <Section
        title={t('queue.waiting')}
        actions={
          lanes.items.length > 0 && (
            <Group gap={4}>
              <QueueAction action="retry" object={all} subject={t('queue.everything')} />
              <QueueAction action="suspend" object={all} subject={t('queue.everything')} />
              <QueueAction action="cancel" object={all} subject={t('queue.everything')} />
            </Group>
          )
        }
      >
        <ListView list={lanes} empty={t('queue.empty')}>
          {(items) => (
            <Table.ScrollContainer minWidth={720}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t('queue.site')}</Table.Th>
                    <Table.Th>{t('queue.recipients')}</Table.Th>
                    <Table.Th>{t('queue.next_try')}</Table.Th>
                    <Table.Th>{t('queue.reason')}</Table.Th>
                    <Table.Th>{t('common.actions')}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {items.map((lane) => (
                    <LaneRow key={lane.site} lane={lane} />
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </ListView>
      </Section>
      <Suspensions />
    </Page>
  );
}

function LaneRow({ lane }: { readonly lane: QueueLane }) {
  const { t } = useTranslation();
  const { site, queued, deferred, held, next_due_at: next, unreachable } = lane;
  const name = named(t, 'queue.held_lanes', site.replace(':', '_'));
  const object = { filter: { site } };
  return (
    <Table.Tr>
      <Table.Td className="wrap">{isHeld(lane) ? name : site}</Table.Td>
      <Table.Td>{showNumber(queued + deferred + held)}</Table.Td>
      <Table.Td>{next === null ? '' : showTime(next)}</Table.Td>
      <Table.Td className="wrap">
        {unreachable === null ? <Reason site={site} next={next} /> : <Text size="sm">{unreachable}</Text>}
      </Table.Td>
      <Table.Td>
        <Group gap={4}>
          {!isHeld(lane) && <QueueAction action="retry" object={object} subject={site} />}
          {!isHeld(lane) && <QueueAction action="suspend" object={object} subject={site} />}
          <QueueAction action="cancel" object={object} subject={isHeld(lane) ? name : site} />
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}
/** Why the recipient waits that is tried first, and since when its message waits. `next`: if it changes, read again. */
function Reason({ site, next }: { readonly site: string; readonly next: string | null }) {
  const { t } = useTranslation();
  const first = useResource(['queue', 'first', site, next], (signal) =>
    ask(api.GET('/mta/v1/queues/recipients', { params: { query: { site, limit: 1 } }, signal })),
  );
  const one = first.data?.items[0];
  if (one === undefined) return null;
  return (
    <>
      <Text size="sm">{one.reason}</Text>
      <Text size="xs" c="dimmed">
        {t('queue.first', { address: one.address, at: showTime(one.message.accepted_at) })}
      </Text>
    </>
  );
}

function Suspensions() {
  const { t } = useTranslation();
  const list = useList(['queue', 'suspensions'], (cursor, signal) =>
    ask(api.GET('/mta/v1/queues/suspensions', { params: { query: { cursor } }, signal })),
  );
  const mailOf = ({ filter }: Suspension): string => {
    const parts = Object.values(filter).filter((value) => value !== null);
    return parts.length === 0 ? t('queue.everything') : parts.join(t('common.list_separator'));
  };
  return (
    <Section title={t('queue.suspensions')} intro={t('queue.suspensions_intro')}>
      <ListView list={list} empty={t('queue.no_suspensions')}>
        {(items) => (
          <Table.ScrollContainer minWidth={720}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('queue.mail')}</Table.Th>
                  <Table.Th>{t('queue.ends')}</Table.Th>
                  <Table.Th>{t('queue.reason')}</Table.Th>
                  <Table.Th>{t('common.actions')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {items.map((one) => (
                  <Table.Tr key={one.id}>
                    <Table.Td className="wrap">{mailOf(one)}</Table.Td>
                    <Table.Td>
                      {one.expires_at === null ? t('queue.until_resumed') : showTime(one.expires_at)}
                    </Table.Td>
                    <Table.Td className="wrap">{one.reason}</Table.Td>
                    <Table.Td>
                      {one.by_operator ? (
                        t('queue.by_operator')
                      ) : (
                        <QueueAction action="resume" object={{ suspension: one.id }} subject={mailOf(one)} />
                      )}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </ListView>
    </Section>
  );
}
