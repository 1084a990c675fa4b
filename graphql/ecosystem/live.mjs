// A live server over a copy of this repository's own content: what every test here
// asks. The copy has a history of two commits, and belongs to one test file alone.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

export const here = dirname(fileURLToPath(import.meta.url));
export const root = resolve(here, '../..');

/** The binary that is tested. */
export const koonti = resolve(process.env.KOONTI_BIN ?? join(root, 'bin/koonti'));
if (!existsSync(koonti)) throw new Error(`there is no ${koonti}: run 'make build' first, or say with KOONTI_BIN where it is`);

const patience = 30_000;

/** A date between the two commits of the history; `at: between` reads the first. */
export const between = '2026-05-15';

/** The places that the second commit changed; all else is as it was. */
export const changed = { project: 'digihelppi', theme: 'tietojohtaminen-ja-tiedonhallinta' };

/** An empty folder, there for the tests of one file. */
export function folder() {
  const made = {};
  before(async () => {
    made.path = await mkdtemp(join(tmpdir(), 'koonti-ecosystem-'));
  });
  after(() => rm(made.path, { recursive: true, force: true }));
  return made;
}

/**
 * A server on a repository of its own, there for the tests of one file: its address
 * (url) and the repository's folder (repo), once the tests run.
 */
export function live() {
  const server = {};
  after(() => server.stop?.()); // before its folder goes
  const dir = folder();
  before(async () => {
    server.repo = dir.path;
    await history(server.repo);
    const child = start(server.repo);
    server.stop = stopper(child);
    server.url = await address(child);
  });
  return server;
}

function start(repo) {
  return spawn(koonti, ['serve', '--repo', repo, '--addr', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] });
}

// Ends one server, this one, and its folder only after it.
function stopper(child) {
  const ended = new Promise((done) => child.once('close', (code, signal) => done(code ?? signal)));
  const orphan = () => child.kill();
  process.once('exit', orphan);
  return async () => {
    process.off('exit', orphan);
    child.kill('SIGTERM');
    assert.equal(await ended, 0, 'the server stops cleanly when asked to');
  };
}

/** The address, from what the server says on its standard output. */
function address(child) {
  let out = '', err = '', timer;
  return new Promise((done, fail) => {
    const failed = (why) => fail(new Error(`koonti serve ${why}\n${out}${err}`));
    timer = setTimeout(failed, patience, `told no address in ${patience / 1000} s`);
    child.once('error', (cause) => failed(`did not start: ${cause.message}`));
    child.once('close', (code) => failed(`ended with ${code}`));
    child.stderr.on('data', (text) => (err += text));
    child.stdout.on('data', (text) => {
      out += text;
      const found = /begin here\s+(http:\/\/\S+)\/\n/.exec(out);
      if (found) done(found[1]);
    });
  }).finally(() => clearTimeout(timer));
}

// The first commit is the content as it is here but for two names; the second gives
// those back.
async function history(repo) {
  const { project, theme } = changed;
  for (const part of ['schema', 'records']) await cp(join(root, part), join(repo, part), { recursive: true });
  const files = [join(repo, `records/projects/${project}.json`), join(repo, `records/themes/${theme}.json`)];
  const now = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  git(repo, '2026-05-01T12:00:00Z', 'init', '--quiet', '--initial-branch=main');
  await Promise.all(files.map((file, i) => writeFile(file, renamed(now[i]))));
  commit(repo, '2026-05-01T12:00:00Z', 'Names as they were');
  await Promise.all(files.map((file, i) => writeFile(file, now[i])));
  commit(repo, '2026-06-01T12:00:00Z', 'Names as they are');
}

function renamed(text) {
  const record = JSON.parse(text);
  record.name.fi = formerly(record.name.fi);
  return JSON.stringify(record, null, 2) + '\n';
}

/** What the first commit calls that which the second calls `name`. */
export function formerly(name) {
  return name + ' (entinen nimi)';
}

/** Commits all that there is, at a fixed time, and tells the hash. */
export function commit(repo, at, message) {
  git(repo, at, 'add', '--all');
  git(repo, at, 'commit', '--quiet', `--message=${message}`);
  return git(repo, at, 'rev-parse', 'HEAD').trim();
}

/** Git as it is without anybody's settings, at a fixed time. */
export function git(repo, at, ...args) {
  const person = { NAME: 'Testi', EMAIL: 'testi@example.org', DATE: at };
  const env = { ...process.env, GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: '1' };
  for (const name of Object.keys(env)) if (/^GIT_(DIR|WORK_TREE|INDEX_FILE|COMMON_DIR)$/.test(name)) delete env[name];
  for (const [key, value] of Object.entries(person)) env[`GIT_AUTHOR_${key}`] = env[`GIT_COMMITTER_${key}`] = value;
  return execFileSync('git', ['-c', 'core.autocrlf=false', ...args], { cwd: repo, env, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
}

/** The records of a collection straight from their files, as [id, document]. */
export async function records(repo, collection) {
  const dir = join(repo, 'records', collection);
  const files = (await readdir(dir)).filter((file) => file.endsWith('.json'));
  return Promise.all(files.map(async (file) => [file.slice(0, -'.json'.length), JSON.parse(await readFile(join(dir, file), 'utf8'))]));
}

/** Sends a query as a modern client does: the HTTP status, and what came as JSON. */
export async function send(url, query, variables) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
  });
  return { status: response.status, answer: await response.json() };
}

/** The data that answers a query; errors fail the test. */
export async function ask(url, query, variables) {
  const { answer } = await send(url, query, variables);
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

/** Waits until the server has read the history. */
export async function remembered(url) {
  for (const deadline = Date.now() + patience; ; await new Promise((done) => setTimeout(done, 50))) {
    const { answer } = await send(url, '{ changes(first: 1) { nodes { kind } } }');
    if (!answer.errors) return;
    assert.equal(answer.errors[0].extensions.code, 'UNAVAILABLE');
    assert.ok(Date.now() < deadline, answer.errors[0].message);
  }
}

/** The types as the server prints them. */
export async function sdl(url) {
  const response = await fetch(`${url}/schema.graphql`);
  assert.equal(response.status, 200);
  return response.text();
}
