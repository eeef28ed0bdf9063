/** The literal zone answers as a resolver would: found, NODATA, NXDOMAIN, failure and CNAMEs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createZoneResolver } from './zone-resolver.ts';

test('a literal zone tells found, nodata, nxdomain and failure apart', async () => {
  const resolver = createZoneResolver({
    'example.test': { mx: ['mx.example.test', [20, 'mx2.example.test']], a: ['192.0.2.1'] },
    'alias.test': { cname: 'Example.Test' },
    'loop.test': { cname: 'loop.test' },
    'broken.test': { fail: true },
    'half.test': { fail: ['txt'], a: ['192.0.2.2'] },
    '192.0.2.1': { ptr: ['example.test'] },
  });
  const mx = await resolver.mx('EXAMPLE.test.');
  assert.deepEqual(mx.kind === 'found' && mx.records, [
    { preference: 10, exchange: 'mx.example.test' },
    { preference: 20, exchange: 'mx2.example.test' },
  ]);
  assert.equal((await resolver.txt('example.test')).kind, 'nodata');
  assert.equal((await resolver.txt('other.test')).kind, 'nxdomain');
  assert.equal((await resolver.txt('constructor')).kind, 'nxdomain');
  assert.equal((await resolver.a('broken.test')).kind, 'failed');
  assert.equal((await resolver.txt('half.test')).kind, 'failed');
  assert.equal((await resolver.a('half.test')).kind, 'found');
  assert.equal((await resolver.a('alias.test')).kind, 'found');
  assert.equal((await resolver.cname('alias.test')).kind, 'found');
  assert.equal((await resolver.a('loop.test')).kind, 'failed');
  assert.equal((await resolver.ptr('192.0.2.1')).kind, 'found');
  assert.deepEqual(resolver.queries.slice(0, 2), ['mx example.test.', 'txt example.test']);
});
