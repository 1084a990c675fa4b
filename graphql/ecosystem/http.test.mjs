// GraphQL over HTTP, judged by the audits of its reference implementation. The
// SHOULDs and MAYs count as much as the MUSTs.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { serverAudits } from 'graphql-http';
import { live } from './live.mjs';

suite('GraphQL over HTTP', () => {
  const server = live();
  const audits = serverAudits({ url: () => `${server.url}/graphql`, fetchFn: fetch });

  test('no audit is missing', () => assert.ok(audits.length >= 61, `${audits.length} audits`));

  for (const audit of audits) {
    test(`${audit.id} ${audit.name}`, async () => {
      const result = await audit.fn();
      assert.equal(result.status, 'ok', result.status === 'ok' ? '' : `${result.reason}\n${await told(result.response)}`);
    });
  }
});

async function told(response) {
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  const body = response.bodyUsed ? '(body read by the audit)' : await response.text();
  return `${response.status} ${response.statusText}\n${headers}\n\n${body}`;
}
