// The types that @graphql-codegen/cli makes from the live server, and a program in
// TypeScript that stands on them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { folder, here, live, records } from './live.mjs';

suite('generated types', () => {
  const server = live();
  const work = folder();
  const node = (...args) => run(work.path, server.url, args);

  before(async () => {
    await cp(join(here, 'client'), work.path, { recursive: true });
    await symlink(join(here, 'node_modules'), join(work.path, 'node_modules'), 'junction');
    await writeFile(join(work.path, 'package.json'), '{"type": "module"}');
  });

  test('types are generated from the SDL', () => node('node_modules/@graphql-codegen/cli/cjs/bin.js', '--config', 'codegen.yml'));

  test('the program compiles under strict', () => node('node_modules/typescript/bin/tsc', '--project', '.'));

  test('it prints the projects by theme as the files have them', async () => {
    const printed = await node('out/program.js', server.url);
    assert.deepEqual(printed.trimEnd().split('\n'), await counted(server.repo));
  });
});

async function run(cwd, url, args) {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, env: { ...process.env, KOONTI_URL: url, NO_COLOR: '1' } });
    return stdout;
  } catch (failed) {
    assert.fail(`node ${args.join(' ')}\n${failed.stdout}${failed.stderr}`);
  }
}

// The same lines, from the files and without GraphQL.
async function counted(repo) {
  const [themes, projects] = await Promise.all(['themes', 'projects'].map((collection) => records(repo, collection)));
  const municipalities = new Map(await records(repo, 'municipalities'));
  const lines = [`${themes.length} themes`];
  for (const [id, theme] of ordered(themes)) {
    const within = ordered(projects).filter(([, project]) => project.themes?.includes(id));
    lines.push(`${id}: ${theme.name.fi}: ${within.length}`);
    for (const [id, { name, participants, grantEur }] of within) {
      const lead = participants?.find((p) => p.role === 'lead');
      const parts = [`  ${id}: ${name.fi}`, lead && municipalities.get(lead.municipality).name.fi, grantEur];
      lines.push(parts.filter((part) => part !== undefined).join(', '));
    }
  }
  return lines;
}

// By ordinal, then by id; what has no ordinal comes last.
function ordered(entries) {
  const place = ([, { ordinal }]) => ordinal ?? Infinity;
  return entries.toSorted((a, b) => (place(a) === place(b) ? (a[0] < b[0] ? -1 : 1) : place(a) - place(b)));
}
