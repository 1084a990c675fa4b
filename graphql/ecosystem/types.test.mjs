// The types, as graphql-js reads them from introspection and from the SDL.

import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import * as graphql from 'graphql';
import { ask, live, sdl } from './live.mjs';

// All that introspection has had since October 2021.
const options = {
  descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true, oneOf: false,
};

suite('types', () => {
  const server = live();
  let told, written;
  before(async () => {
    told = await ask(server.url, graphql.getIntrospectionQuery(options));
    written = graphql.buildSchema(await sdl(server.url));
  });

  test('introspection and SDL print the same, byte for byte', () => {
    const asked = graphql.buildClientSchema(told);
    assert.deepEqual(graphql.validateSchema(asked), []);
    assert.deepEqual(graphql.validateSchema(written), []);
    const [a, b] = [print(asked), print(written)];
    assert.ok('Project' in asked.getTypeMap(), 'the types of the collections are there');
    assert.ok(a === b, firstDifference(a.split('\n'), b.split('\n')));
  });

  // buildClientSchema forgives some answers, so they are compared before it reads them.
  test('introspection answers what graphql-js answers about the SDL', () => {
    const known = plain(graphql.introspectionFromSchema(written, options));
    const [a, b] = [own(told.__schema), own(known.__schema)];
    assert.deepEqual([...a.keys()].sort(), [...b.keys()].sort());
    for (const [name, type] of b) assert.deepEqual(a.get(name), type, name);
  });
});

const print = (schema) => graphql.printSchema(graphql.lexicographicSortSchema(schema));

const plain = (value) => JSON.parse(JSON.stringify(value));

function firstDifference(a, b) {
  const i = a.findIndex((line, i) => line !== b[i]);
  return `line ${i + 1}: introspection has\n${a[i]}\nSDL has\n${b[i]}`;
}

// The types that are not GraphQL's own, by name.
function own(schema) {
  const builtIn = [...graphql.specifiedScalarTypes, ...graphql.introspectionTypes].map((type) => type.name);
  return new Map(schema.types.filter((type) => !builtIn.includes(type.name)).map((type) => [type.name, type]));
}
