// Queries at the edges of validation (GraphQL October 2021, 5): what graphql-js takes,
// the server answers; what graphql-js refuses, the server refuses.

import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import * as graphql from 'graphql';
import { live, sdl, send } from './live.mjs';

const valid = [
  '{ projects { ... { totalCount } } }',
  '{ projects { ... @include(if: true) { totalCount } nodes { ... @skip(if: false) { id } } } }',
  '{ project(id: "x") { ... on Record { id } ... on Project { id } } }',
  '{ record(collection: "projects", id: "digihelppi") { id ... on Project { x: ordinal } ... on Theme { x: ordinal } } }',
  '{ record(collection: "projects", id: "digihelppi") { ... on Project { x: name(lang: FI) } ... on Theme { x: name(lang: SV) } } }',
  '{ projects(first: 1) { totalCount } projects(first: 1) { nodes { id } } }',
  '{ projects(where: { id: { eq: "a" }, stale: { eq: true } }) { totalCount } projects(where: { stale: { eq: true }, id: { eq: "a" } }) { totalCount } }',
  '{ projects(orderBy: { field: NAME }, first: null, where: { id: { in: "a" } }) { totalCount } }',
  '{ project(id: 1) { id } }',
  'query ($id: ID = "a") { project(id: $id) { id } }',
  'query A { ...F } fragment F on Query { ...G } fragment G on Query { __typename }',
  'query ($d: OrderDirection = DESC) { projects(orderBy: { field: NAME, direction: $d }) { totalCount } }',
  'query ($f: ProjectOrderField = NAME) { projects(orderBy: { field: $f }) { totalCount } }',
  'query ($b: Boolean = true) { projects @skip(if: $b) { totalCount } themes @include(if: $b) { totalCount } }',
  'query ($in: [ID!]) { projects(where: { id: { in: $in } }) { totalCount } }',
  'query query { on: __typename fragment: __typename true: __typename }',
  '{ __schema { types { ...T } } } fragment T on __Type { name ofType { name } }',
  '\ufeff{ a: __typename,,, b: __typename } # the end',
];

const invalid = [
  '', '{}', '{ projects }', '{ projects {} }', '{ projects { totalCount { x } } }', '{ nope }', '{ __proto__ }', '{ projects { constructor } }',
  'type A { a: Int }', '{ __typename } type A { a: Int }', '{ __typename } { __typename }', 'query A { __typename } query A { __typename }',
  '{ projects { ...F } }', '{ __typename } fragment F on Project { id }', '{ ...F } fragment F on Query { ...F }',
  '{ projects { ...F } } fragment F on Theme { id }', '{ ...F } fragment F on Nope { id }', '{ projects { ... on Int { x } } }',
  '{ projects { nodes { ... on Theme { id } } } }', '{ record(collection: "projects", id: "x") { name } }',
  '{ a: projects { totalCount } a: themes { totalCount } }', '{ projects(first: 1) { totalCount } projects(first: 2) { totalCount } }',
  '{ record(collection: "projects", id: "x") { ... on Project { x: id } ... on Theme { x: name } } }',
  '{ project { id } }', '{ project(id: null) { id } }', '{ project(id: "a", id: "b") { id } }', '{ project(id: "a", x: 1) { id } }', '{ project(id: X) { id } }',
  '{ projects(first: "1") { totalCount } }', '{ projects(first: 1.0) { totalCount } }', '{ projects(first: 3000000000) { totalCount } }',
  '{ projects(orderBy: {}) { totalCount } }', '{ projects(orderBy: [null]) { totalCount } }', '{ projects(orderBy: { field: NOPE }) { totalCount } }',
  '{ projects(orderBy: { field: NAME, field: NAME }) { totalCount } }', '{ projects(where: { nope: 1 }) { totalCount } }', '{ projects(lang: "FI") { totalCount } }',
  'subscription { __typename }', 'subscription { changes { key } __typename }', 'subscription { a: changes { key } b: changes { key } }', 'subscription { projects { totalCount } }',
  'subscription { changes { key } ...F } fragment F on Subscription { more: changes { key } }', 'subscription { changes { nope } }',
  'query ($id: ID) { project(id: $id) { id } }', 'query ($id: Project) { project(id: $id) { id } }', 'query ($id: ID!, $id: ID!) { project(id: $id) { id } }',
  'query ($id: ID!) { __typename }', '{ project(id: $id) { id } }', 'query ($n: Int = "a") { projects(first: $n) { totalCount } }', 'query ($n: [Int]) { projects(first: $n) { totalCount } }',
  '{ projects @nope { totalCount } }', '{ projects @include { totalCount } }', 'query @include(if: true) { __typename }', '{ projects @skip(if: true) @skip(if: true) { totalCount } }',
  '{ projects(after: "\\x") { totalCount } }', '{ projects(first: 01) { totalCount } }', '{ __typename', '{ proj€cts }',
];

suite('validation', () => {
  const server = live();
  let schema;
  before(async () => {
    schema = graphql.buildSchema(await sdl(server.url));
  });

  for (const query of valid) {
    test(`takes ${query}`, async () => {
      assert.deepEqual(faults(schema, query), []);
      const { status, answer } = await send(server.url, query);
      assert.deepEqual([status, answer.errors], [200, undefined]);
    });
  }

  for (const query of invalid) {
    test(`refuses ${query}`, async () => {
      assert.notDeepEqual(faults(schema, query), []);
      const { status, answer } = await send(server.url, query);
      assert.deepEqual([status, answer.data], [400, undefined]);
      assert.ok(answer.errors.length > 0 && answer.errors.every((error) => error.message && error.extensions.code));
    });
  }
});

function faults(schema, query) {
  try {
    return graphql.validate(schema, graphql.parse(query));
  } catch (error) {
    return [error];
  }
}
