// A normalised cache over the API: urql with Graphcache, told what a front end would
// tell it. What it hands out is put together from its entities, so whatever shares a
// key wrongly shows here.

import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import * as graphql from 'graphql';
import { ask, between, changed, formerly, live, records, sdl } from './live.mjs';

const pages = `
  query ($first: Int!, $after: String) {
    projects(first: $first, after: $after) {
      totalCount
      edges { node { key id name } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

const sideBySide = `
  query ($id: ID!, $at: Revision!) {
    now: project(id: $id) { ...Shown }
    then: project(id: $id, at: $at) { ...Shown }
  }
  fragment Shown on Project { key name revision themes { key id name } }
`;

const languages = `
  query ($id: ID!) {
    fi: municipality(id: $id, lang: FI) { key name nameLang region { key name } }
    sv: municipality(id: $id, lang: SV) { key name nameLang region { key name } }
  }
`;

suite('normalised cache', () => {
  const server = live();
  let schema, page;
  before(async () => {
    schema = graphql.buildSchema(await sdl(server.url));
    page = () => browser(server.url, schema);
  });

  test('pages through all projects, each exactly once', async () => {
    const { read, requests } = page();
    const all = (await records(server.repo, 'projects')).map(([id]) => id).sort();
    let shown, after;
    do {
      shown = (await read(pages, { first: 7, after })).projects;
      after = shown.pageInfo.endCursor;
    } while (shown.pageInfo.hasNextPage && requests.length < all.length);
    assert.deepEqual(shown.edges.map((edge) => edge.node.id).sort(), all);
    assert.equal(shown.totalCount, all.length);
    assert.equal(requests.length, Math.ceil(all.length / 7), 'one request a page');
    assert.deepEqual((await read(pages, { first: 7 }, 'cache-only')).projects.edges, shown.edges);
  });

  test('two revisions of a project that changed are shown side by side', async () => {
    const { now, then } = await agreed(page(), sideBySide, { id: changed.project, at: between });
    assert.equal(then.name, formerly(now.name));
    assert.notEqual(then.revision, now.revision);
  });

  test('two revisions of a project whose theme changed are shown side by side', async () => {
    const [id] = (await records(server.repo, 'projects')).find(([id, p]) => id !== changed.project && p.themes?.includes(changed.theme));
    const { now, then } = await agreed(page(), sideBySide, { id, at: between });
    const theme = (project) => project.themes.find((t) => t.id === changed.theme).name;
    assert.equal(theme(then), formerly(theme(now)));
    assert.notEqual(then.revision, now.revision);
  });

  test('a record in two languages is shown side by side', async () => {
    const { fi, sv } = await agreed(page(), languages, { id: 'turku' });
    assert.deepEqual([fi.name, sv.name], ['Turku', 'Åbo']);
  });

  // What the cache gives, once from the network and once from itself alone, is what
  // the server said.
  async function agreed({ read }, query, variables) {
    const shown = await read(query, variables);
    assert.deepEqual(shown, await ask(server.url, query, variables));
    assert.deepEqual(await read(query, variables, 'cache-only'), shown);
    return shown;
  }
});

// One browser window: a client with a cache of its own. Records are kept by their
// key; what has no key belongs to what it was read from.
function browser(url, schema) {
  const requests = [];
  const keys = Object.fromEntries(objects(schema).map((type) => [type.name, 'key' in type.getFields() ? (data) => data.key : () => null]));
  const cache = cacheExchange({
    schema: graphql.introspectionFromSchema(schema),
    keys,
    resolvers: { Query: { projects: relayPagination() } },
    logger: (severity, message) => assert.equal(severity, 'debug', message),
  });
  const client = new Client({
    url: `${url}/graphql`,
    exchanges: [cache, fetchExchange],
    fetch: (...request) => (requests.push(request), fetch(...request)),
  });
  const read = async (query, variables, requestPolicy = 'cache-first') => {
    const { data, error } = await client.query(query, variables, { requestPolicy });
    if (error) throw error;
    return JSON.parse(JSON.stringify(data, (name, value) => (name === '__typename' ? undefined : value)));
  };
  return { read, requests };
}

function objects(schema) {
  const roots = [schema.getQueryType()];
  return Object.values(schema.getTypeMap()).filter((type) => graphql.isObjectType(type) && !roots.includes(type) && !graphql.isIntrospectionType(type));
}
