import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectLines, connectOf } from './connect.ts';

const place = {
  submissionHost: 'smtp.example.com',
  submissionPort: null,
  submissionsPort: null,
  tlsMinVersion: 'TLSv1.2',
} as const;
const listening = { submission: 2587, submissions: 2465 };

test('customers are told the ports of the listeners, implicit TLS first', () => {
  const { smtp_ports, smtp_host } = connectOf(place, listening, 'https://api.example.com');
  assert.equal(smtp_host, 'smtp.example.com');
  assert.deepEqual(smtp_ports, [
    { port: 2465, tls: 'implicit' },
    { port: 2587, tls: 'starttls' },
  ]);
});

test('the ports of the configuration win: something in front of the service forwards them', () => {
  const told = connectOf({ ...place, submissionPort: 587, submissionsPort: 465 }, listening, 'https://x');
  assert.deepEqual(
    told.smtp_ports.map(({ port }) => port),
    [465, 587],
  );
});

test('the lines for people say host, ports, TLS and how to sign in', () => {
  assert.deepEqual(connectLines(connectOf(place, listening, 'https://api.example.com')), [
    'SMTP: host smtp.example.com, port 2465 (implicit TLS) or 2587 (STARTTLS); TLS 1.2 or above; AUTH PLAIN or LOGIN',
    'HTTP API: https://api.example.com, HTTP Basic authentication',
    'The user name is the id of a static key. The password is the secret of that key.',
  ]);
});
