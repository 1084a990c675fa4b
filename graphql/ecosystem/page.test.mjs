// The static page of the README, made from the live server, shows each project under
// each of its themes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { folder, live, root } from './live.mjs';

suite('static page', () => {
  const server = live();
  const dir = folder();
  test('it shows what the records say', () => {
    const [, program] = readFileSync(join(root, 'README.md'), 'utf8').match(/^```js\n(.*?)^```$/ms);
    const file = join(dir.path, 'page.mjs');
    writeFileSync(file, program);
    const page = execFileSync(process.execPath, [file, server.url], { encoding: 'utf8' });
    const projects = join(server.repo, 'records/projects');
    const themes = readdirSync(projects).map((name) => JSON.parse(readFileSync(join(projects, name), 'utf8')).themes ?? []);
    assert.equal(page.match(/<h2>/g).length, 4);
    assert.equal(page.match(/<li>/g).length, themes.flat().length);
    assert.ok(page.includes('<strong>DigiHelppi'), page);
  });
});
