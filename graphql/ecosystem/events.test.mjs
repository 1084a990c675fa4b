// Subscriptions, as the reference client of GraphQL over Server-Sent Events sees them.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { createClient } from 'graphql-sse';
import { ask, changed, commit, live, remembered } from './live.mjs';

const following = `
  subscription ($after: String) {
    changes(after: $after) { key kind record { collection id } commit { hash } fields { field after } }
  }
`;

const everything = '{ changes(first: 500) { nodes { key commit { hash } } } }';

suite('GraphQL over Server-Sent Events', () => {
  const server = live();
  before(() => remembered(server.url));
  let time = 0;
  // Each commit gives a theme another name.
  const rename = async (name) => {
    const file = join(server.repo, `records/themes/${changed.theme}.json`);
    const theme = JSON.parse(await readFile(file, 'utf8'));
    theme.name.fi = name;
    await writeFile(file, JSON.stringify(theme, null, 2) + '\n');
    return commit(server.repo, `2026-07-01T12:00:${String(time++).padStart(2, '0')}Z`, name);
  };
  const client = (options) => {
    const made = createClient({ url: `${server.url}/graphql`, retryAttempts: 0, ...options });
    after(() => made.dispose());
    return made;
  };

  test('a change arrives once it is committed', { timeout: 30_000 }, async () => {
    const connected = resolvers();
    const changes = client({ on: { connected: () => connected.resolve() } }).iterate({ query: following });
    const first = changes.next();
    await connected.promise;
    const hash = await rename('Tieto elää');
    const { value } = await first;
    assert.equal(value.errors, undefined, JSON.stringify(value.errors));
    const { kind, record, commit, fields } = value.data.changes;
    assert.deepEqual({ kind, record, commit }, { kind: 'UPDATED', record: { collection: 'themes', id: changed.theme }, commit: { hash } });
    assert.deepEqual(fields, [{ field: '/name/fi', after: 'Tieto elää' }]);
    await changes.return();
  });

  test('a query is answered once', async () => {
    const answers = [];
    for await (const answer of client().iterate({ query: '{ themes { totalCount } }' })) answers.push(answer.data.themes.totalCount);
    assert.deepEqual(answers, [(await ask(server.url, '{ themes { totalCount } }')).themes.totalCount]);
  });

  test('what is wrong with a subscription is told', async () => {
    const answers = [];
    for await (const answer of client().iterate({ query: 'subscription { changs { key } }' })) answers.push(answer);
    assert.equal(answers.length, 1);
    assert.equal(answers[0].errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  });

  // The connection is cut after each event, and commits are made meanwhile.
  test('after a cut connection nothing is missed and nothing repeated', { timeout: 60_000 }, async () => {
    const door = await passage(server.url);
    after(() => door.close());
    const { changes } = await ask(server.url, everything);
    const oldest = changes.nodes.at(-1).commit.hash;
    const want = changes.nodes.filter((node) => node.commit.hash !== oldest).map((node) => node.key).reverse();
    assert.ok(want.length >= 3, 'two changes of one commit, and more');

    let seen = oldest, connections = 0;
    const got = [];
    // The client sends the request anew each time: it says then what was seen last.
    const request = { query: following, variables: { get after() { return seen; } } };
    const finished = resolvers();
    const options = { url: `${door.url}/graphql`, retryAttempts: 100, retry: async () => {}, on: { connected: () => connections++ } };
    const stop = client(options).subscribe(request, {
      next: async ({ data, errors }) => {
        if (errors) return finished.reject(new Error(JSON.stringify(errors)));
        if (data.changes.key === got.at(-1)) return finished.reject(new Error('told twice: ' + data.changes.key));
        seen = data.changes.key;
        got.push(seen);
        if (got.length > want.length + 2) finished.resolve();
        if (got.length === want.length) {
          await rename('Tieto kulkee');
          await rename('Tieto karttuu');
          await rename('Tieto riittää');
        }
      },
      error: (error) => finished.reject(error),
      complete: () => finished.reject(new Error('completed')),
    });
    await finished.promise;
    stop();
    const all = await ask(server.url, everything);
    assert.deepEqual(got, all.changes.nodes.filter((node) => node.commit.hash !== oldest).map((node) => node.key).reverse());
    assert.ok(connections >= got.length, `${connections} connections for ${got.length} changes`);
  });
});

function resolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

// A passage to the server that breaks after each event.
async function passage(url) {
  const { hostname, port } = new URL(url);
  const open = new Set();
  const door = createServer((inside) => {
    const outside = connect(Number(port), hostname);
    for (const [a, b] of [[inside, outside], [outside, inside]]) {
      open.add(a);
      a.on('error', () => {}).on('close', () => open.delete(a));
      if (a === inside) a.on('close', () => b.destroy());
    }
    inside.pipe(outside);
    let sent = Buffer.alloc(0);
    outside.on('data', (part) => {
      const begun = sent.length;
      sent = Buffer.concat([sent, part]);
      const event = sent.indexOf('event: next');
      const end = event < 0 ? -1 : sent.indexOf('\n\n', event);
      if (end < 0) return inside.write(part);
      inside.end(sent.subarray(begun, end + 2));
      outside.destroy();
    });
  });
  await new Promise((done) => door.listen(0, '127.0.0.1', done));
  const close = () => (open.forEach((socket) => socket.destroy()), door.close());
  return { url: `http://127.0.0.1:${door.address().port}`, close };
}
