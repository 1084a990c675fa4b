// What changes in the API, as graphql-inspector sees it: every change with its place,
// its class and its words.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import { ChangeType, CriticalityLevel, diff, DiffRule } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';
import { commit, folder, git, koonti, root } from './live.mjs';

const severities = {
  [CriticalityLevel.Breaking]: 'BREAKING', [CriticalityLevel.Dangerous]: 'DANGEROUS', [CriticalityLevel.NonBreaking]: 'SAFE',
};

// As `graphql-inspector diff` has it, which simplifies unless asked for verbose changes;
// but for these:
// 1. Descriptions are left out, before simplifying: to it a description that is new
//    hides what else is new at that place.
// 2. An interface that is new on a type does not hide what else changed in the type.
// 3. Default values are written as in the SDL: ASC, where it has "ASC".
async function inspect(was, is) {
  const all = await diff(buildSchema(was), buildSchema(is));
  const implemented = (c) => c.type === ChangeType.ObjectTypeInterfaceAdded && !c.meta.addedToNewType;
  const rest = all.filter((c) => !c.type.includes('_DESCRIPTION_') && !implemented(c));
  const changes = [...(await DiffRule.simplifyChanges({ changes: rest })), ...all.filter(implemented)];
  return changes.map((c) => line(severities[c.criticality.level], c.path, c.message)).sort();
}

const line = (severity, at, message) => `${severity} ${at} ${/[Dd]efault/.test(message) ? message.replaceAll('"', '') : message}`;

suite('two type systems', async () => {
  const dir = join(root, 'graphql/testdata/evolve');
  for (const name of await readdir(dir)) {
    test(name, async () => {
      const files = unpack(await readFile(join(dir, name), 'utf8'));
      const ours = files.changes.split('\n').filter(Boolean).map((text) => line(...text.match(/^(\S+) (\S+) (.*)$/).slice(1)));
      assert.deepEqual(ours.sort(), await inspect(files['before.graphql'], files['after.graphql']));
    });
  }
});

function unpack(archive) {
  const [, ...parts] = archive.split(/^-- (\S+) --\n/m);
  return Object.fromEntries(Array.from({ length: parts.length / 2 }, (_, i) => parts.slice(2 * i, 2 * i + 2)));
}

// Edits of this repository's own model and schemas: each gets the model, a function that
// gives the JSON Schema of a file, and one to write a new file. `changes` is whether
// anything changes in the API.
const edits = {
  'a property is new': (_, schema) => (schema('theme').properties.colour = { type: 'string' }),
  'a property is gone': (_, schema) => delete schema('project').properties.grantEur,
  'a property is renamed': (model, schema) => {
    const project = schema('project').properties;
    project.abstract = project.summary;
    delete project.summary;
    const collection = of(model, 'projects');
    collection.renamed = { '/summary': '/abstract' };
    collection.localized = collection.localized.map((at) => at.replace('/summary', '/abstract'));
  },
  'a whole number may be a fraction': (_, schema) => (schema('theme').properties.ordinal.type = 'number'),
  'a number passes 32 bits': (_, schema) => (schema('project').properties.ordinal.maximum = 1e12),
  'a day becomes a text': (_, schema) => (schema('project').properties.deadline = { type: 'string' }),
  'an allowed value is new': (_, schema) => role(schema).enum.push('observer'),
  'an allowed value is gone': (_, schema) => role(schema).enum.pop(),
  'a choice becomes free text': (_, schema) => delete role(schema).enum,
  'a choice becomes a group of fields': (_, schema) => {
    delete role(schema).enum;
    Object.assign(role(schema), { type: 'object', properties: { name: { type: 'string' }, since: { type: 'string', format: 'date' } } });
  },
  'a list becomes one': (model, schema) => {
    schema('project').properties.themes = { type: 'string' };
    const { references } = of(model, 'projects');
    references['/themes'] = references['/themes/*'];
    delete references['/themes/*'];
  },
  'a list of groups becomes a list of texts': (model, schema) => {
    schema('project').properties.milestones.items = { type: 'string' };
    const projects = of(model, 'projects');
    delete projects.references['/milestones/*/source'];
    projects.localized = projects.localized.filter((at) => !at.startsWith('/milestones'));
  },
  'a reference becomes an id': (model) => delete of(model, 'projects').references['/fundingRound'],
  'a way back is gone': (model) => delete of(model, 'projects').references['/programme'].inverse,
  'a way back has another name': (model) => (of(model, 'lessons').references['/project'].inverse = 'learned'),
  'a text loses its languages': (model) => of(model, 'themes').localized.splice(1, 1),
  'a language is new': (model) => model.languages.push('se'),
  'attachments are none any more': (model) => delete of(model, 'publications').files,
  'a collection is gone': (model) => (model.collections = model.collections.filter((c) => c.name !== 'statistics')),
  'a collection is new, with a scalar that was not used': (model, _, write) => {
    model.collections.push({ name: 'contacts', type: 'Contact', schema: 'schema/contact.schema.json', path: 'records/contacts/{id}.json' });
    write('contact', { type: 'object', properties: { name: { type: 'string' }, email: { type: 'string', format: 'email' } } });
  },
  'a collection has another name': (model) => {
    of(model, 'lessons').name = 'learnings';
  },
  'a type has another name': (model) => (of(model, 'themes').type = 'Topic'),
  'a nested type becomes that of a collection': (model, schema, write) => {
    write('milestone', { type: 'object', properties: { date: { type: 'string' }, who: { type: 'string' } } });
    model.collections.push({ name: 'milestones', type: 'ProjectMilestones', schema: 'schema/milestone.schema.json', path: 'records/milestones/{id}.json' });
    schema('project').properties.milestones = { type: 'array', items: { type: 'string' } };
    const projects = of(model, 'projects');
    delete projects.references['/milestones/*/source'];
    projects.references['/milestones/*'] = { collection: 'milestones' };
    projects.localized = projects.localized.filter((at) => !at.startsWith('/milestones'));
  },
};

// Edits that change what a record may be, and nothing in the API.
const silent = {
  'a property is required': (_, schema) => schema('project').required.push('summary'),
  'a text is bounded': (_, schema) => (schema('source').properties.url.maxLength = 500),
  'a description is another': (_, schema) => (schema('project').properties.grantEur.description = 'Kuinka paljon.'),
  'items have a key, values are unique': (model) => {
    of(model, 'projects').keys['/milestones'] = 'kind';
    of(model, 'themes').unique = ['/ordinal'];
  },
};

const of = (model, name) => model.collections.find((c) => c.name === name);
const role = (schema) => schema('project').properties.participants.items.properties.role;

suite('edits of the model', () => {
  const dir = folder();
  const at = '2026-06-01T12:00:00Z';
  let base, types;
  before(async () => {
    await cp(join(root, 'schema'), join(dir.path, 'schema'), { recursive: true });
    git(dir.path, at, 'init', '--quiet', '--initial-branch=main');
    base = commit(dir.path, at, 'The model as it is');
    types = run('sdl');
  });

  const run = (...args) => execFileSync(koonti, [...args, '--repo', dir.path], { encoding: 'utf8', maxBuffer: 1 << 26 });

  // The changes from one revision to another, as the command tells them.
  const told = (...revisions) => {
    const lines = run('diff', ...revisions, '--api', '--json').split('\n').filter(Boolean).map(JSON.parse);
    return lines.map((c) => line(c.severity, c.coordinate, c.message)).sort();
  };

  for (const [name, edit] of Object.entries({ ...edits, ...silent })) {
    test(`${name}, and back`, async () => {
      git(dir.path, at, 'reset', '--quiet', '--hard', base);
      await apply(dir.path, edit);
      const edited = run('sdl');
      const expected = await inspect(types, edited);
      assert.equal(expected.length > 0, name in edits, 'the edit changes what it should');
      const then = commit(dir.path, at, name);
      assert.deepEqual(told(base, then), expected);
      assert.deepEqual(told(then, base), await inspect(edited, types), 'back');
    });
  }

  test('many edits at once', async () => {
    git(dir.path, at, 'reset', '--quiet', '--hard', base);
    for (const name of ['a property is renamed', 'an allowed value is gone', 'a way back has another name', 'a collection is gone', 'a type has another name']) {
      await apply(dir.path, edits[name]);
    }
    const expected = await inspect(types, run('sdl'));
    for (const severity of Object.values(severities)) assert.ok(expected.some((text) => text.startsWith(severity)), severity);
    assert.deepEqual(told(base), expected);
  });
});

// Makes an edit and writes what it touched.
async function apply(dir, edit) {
  const files = {};
  for (const name of await readdir(join(dir, 'schema'))) files[`schema/${name}`] = JSON.parse(await readFile(join(dir, 'schema', name), 'utf8'));
  const path = (name) => `schema/${name}.schema.json`;
  edit(files['schema/model.json'], (name) => files[path(name)], (name, schema) => (files[path(name)] = schema));
  for (const [name, value] of Object.entries(files)) {
    await writeFile(join(dir, name), JSON.stringify(value, null, 2) + '\n');
  }
}
