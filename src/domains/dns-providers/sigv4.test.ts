/** AWS's published examples: its test suite of Signature Version 4, and the one in the guide to IAM. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signRequest } from './sigv4.ts';

const CREDENTIALS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const AT = Date.UTC(2015, 7, 30, 12, 36, 0);
const EXAMPLES = [
  ['get-vanilla', 'GET', '/', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  [
    'get-vanilla-query-order-key-case',
    'GET',
    '/?Param2=value2&Param1=value1',
    {},
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ],
  ['post-vanilla', 'POST', '/', {}, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'post-header-key-sort',
    'POST',
    '/',
    { 'my-header1': 'value1' },
    'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
  ],
] as const;
for (const [name, method, target, headers, signature] of EXAMPLES)
  test(`${name} of AWS's test suite`, () => {
    const url = new URL(target, 'https://example.amazonaws.com');
    const sent = signRequest({ method, url, headers, body: '', at: AT }, CREDENTIALS, {
      region: 'us-east-1',
      service: 'service',
    });
    const names = [...Object.keys(headers), 'host', 'x-amz-date'].sort().join(';');
    assert.equal(sent['x-amz-date'], '20150830T123600Z');
    assert.equal(
      sent['authorization'],
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
    );
  });

test("the guide's request to IAM", () => {
  const sent = signRequest(
    {
      method: 'GET',
      url: new URL('https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08'),
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: '',
      at: AT,
    },
    CREDENTIALS,
    { region: 'us-east-1', service: 'iam' },
  );
  assert.equal(
    sent['authorization'],
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  );
});

test('a session token is sent and signed', () => {
  const url = new URL('https://route53.amazonaws.com/2013-04-01/hostedzone');
  const request = { method: 'GET', url, headers: {}, body: '', at: AT };
  const scope = { region: 'us-east-1', service: 'route53' };
  const sent = signRequest(request, { ...CREDENTIALS, sessionToken: 'a token' }, scope);
  assert.equal(sent['x-amz-security-token'], 'a token');
  assert.match(sent['authorization']!, /SignedHeaders=host;x-amz-date;x-amz-security-token,/);
});
