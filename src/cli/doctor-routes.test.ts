import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../config/config.ts';
import { checkRoutes } from './doctor-routes.ts';

const found = (routes: string) =>
  checkRoutes(loadConfig({ HIKYAKU_ROUTES: routes })).map(({ status, detail }) => [
    status,
    detail.slice(0, 60),
  ]);

test('a route that does not verify is named; without one, and without routes, there is nothing to warn of', () => {
  assert.deepEqual(found(''), []);
  assert.equal(found('*=smtps://u:p@smart.test')[0]?.[0], 'ok');
  assert.deepEqual(found('a.test=smtps://h,b.test=smtps://u:p@smart.test:466?verify=no'), [
    ['warning', 'mail for b.test goes to smart.test:466, whose certificate is'],
  ]);
});
