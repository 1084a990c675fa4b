// The feeds of changes, as a feed reader reads them.

import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { parseAtomFeed } from 'feedsmith';
import { ask, changed, live, records, remembered } from './live.mjs';

suite('Atom feeds', () => {
  const server = live();
  before(() => remembered(server.url));
  const read = async (path, headers = {}) => {
    const response = await fetch(server.url + path, { headers });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /^application\/atom\+xml/);
    return parseAtomFeed(await response.text());
  };

  test('the newest changes come first, with what they changed', async () => {
    const feed = await read('/feeds/changes.atom', { 'accept-language': 'fi' });
    assert.equal(feed.entries.length, 50);
    assert.equal(new Set(feed.entries.map((entry) => entry.id)).size, 50);
    assert.deepEqual(feed.links.map((link) => [link.rel, link.href]), [['self', `${server.url}/feeds/changes.atom`], ['alternate', `${server.url}/`]]);
    assert.equal(feed.updated, '2026-06-01T12:00:00Z');
    const { changes } = await ask(server.url, '{ changes(first: 50) { nodes { kind record { collection id } at commit { author { name email } } } } }');
    feed.entries.forEach((entry, i) => {
      const { kind, record, at, commit } = changes.nodes[i];
      assert.deepEqual(entry.categories.map((category) => category.term), [record.collection, kind]);
      assert.deepEqual(entry.authors, [commit.author]);
      assert.equal(entry.updated, at);
      assert.ok(entry.links[0].href.includes(`/records/${record.collection}/${record.id}.json?at=`), entry.links[0].href);
    });
    const project = feed.entries.find((entry) => entry.links[0].href.includes(`/projects/${changed.project}.json`));
    assert.match(project.title.value, /^Hanke · .+: nimi muutettu$/);
    assert.match(project.content.value, /<del> \(entinen nimi\)<\/del>/);
    const response = await fetch(project.links[0].href);
    assert.deepEqual(await response.json(), Object.fromEntries(await records(server.repo, 'projects'))[changed.project]);
  });

  test('a collection has a feed of its own, in the language wished for', async () => {
    const feed = await read('/feeds/themes.atom?lang=sv&first=500');
    assert.equal(feed.entries.length, (await records(server.repo, 'themes')).length + 1);
    assert.match(feed.entries[0].title.value, /^Tema · .+: ändring i nimi$/);
  });

  test('the first page names every feed', async () => {
    const page = await (await fetch(`${server.url}/`)).text();
    const links = [...page.matchAll(/<link rel="alternate" type="application\/atom\+xml" title="[^"]+" href="([^"]+)">/g)].map(([, href]) => href);
    const { model } = await ask(server.url, '{ model { collections { name } } }');
    assert.deepEqual(links, ['/feeds/changes.atom', ...model.collections.map(({ name }) => `/feeds/${name}.atom`), '/feeds/proposals.atom']);
    for (const link of links.slice(0, -1)) await read(link);
    assert.equal((await fetch(server.url + links.at(-1))).status, 200); // nothing was proposed yet
  });
});
