// The queries of the README, as graphql-js sees them; their answers are compared in Go
// (internal/cli).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import * as graphql from 'graphql';
import { live, root, sdl } from './live.mjs';

suite('README', () => {
  const server = live();
  let schema;
  before(async () => {
    schema = graphql.buildSchema(await sdl(server.url));
  });

  const queries = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```graphql\n(.*?)^```$/gms)].map(([, query]) => query);
  test('it has queries', () => assert.ok(queries.length >= 5, `${queries.length} queries`));
  for (const [i, query] of queries.entries()) {
    test(`query ${i + 1} is valid`, () => assert.deepEqual(graphql.validate(schema, graphql.parse(query)), []));
  }
});
