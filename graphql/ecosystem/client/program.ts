// Prints the projects by theme, in the digest's order:
//
//     node program.js http://127.0.0.1:8080
//
// Everything that is asked and answered has its type from the server's SDL.

import { print } from 'graphql';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { type FragmentType, graphql, useFragment } from './gql/index.js';
import type { Language } from './gql/graphql.js';

declare const process: { argv: string[] };

const ProjectLine = graphql(`
  fragment ProjectLine on Project {
    name
    grantEur
    participants { role municipality { name } }
  }
`);

const ProjectsByTheme = graphql(`
  query ProjectsByTheme($lang: Language!) {
    themes(orderBy: [{ field: ORDINAL }], lang: $lang, first: 100) {
      totalCount
      nodes {
        id
        name
        projects(orderBy: [{ field: ORDINAL }], first: 100) {
          totalCount
          nodes { id ...ProjectLine }
        }
      }
    }
  }
`);

const Propose = graphql(`
  mutation Propose($input: ProposeInput!) {
    propose(input: $input) {
      ok
      proposal { number revision mergeable }
      refusal { reason message problems { pointer message } conflicts { field ours theirs } }
    }
  }
`);

async function ask<Answer, Variables>(server: string, query: TypedDocumentNode<Answer, Variables>, variables: Variables): Promise<Answer> {
  const response = await fetch(`${server}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query: print(query), variables }),
  });
  const { data, errors }: { data?: Answer; errors?: { message: string }[] } = await response.json();
  if (data === undefined || errors) throw new Error(errors?.map((e) => e.message).join('\n') ?? response.statusText);
  return data;
}

function line(project: { id: string } & FragmentType<typeof ProjectLine>): string {
  const { name, grantEur, participants } = useFragment(ProjectLine, project);
  const lead = participants?.find((p) => p.role === 'LEAD')?.municipality?.name;
  return [`  ${project.id}: ${name ?? '?'}`, lead, grantEur?.toFixed(0)].filter((part) => part != null).join(', ');
}

async function main(server: string, lang: Language): Promise<void> {
  const { themes } = await ask(server, ProjectsByTheme, { lang });
  console.log(`${themes.totalCount} themes`);
  for (const theme of themes.nodes) {
    console.log(`${theme.id}: ${theme.name ?? '?'}: ${theme.projects?.totalCount ?? 0}`);
    for (const project of theme.projects?.nodes ?? []) console.log(line(project));
  }
}

// What must not compile; a line here that did would be an error of its own.
export async function wrong(server: string): Promise<void> {
  // @ts-expect-error a language that the model does not have
  await ask(server, ProjectsByTheme, { lang: 'DE' });
  const { themes } = await ask(server, ProjectsByTheme, { lang: 'FI' });
  // @ts-expect-error a property that a schema gives may be null
  themes.nodes[0]?.name.length;
  // @ts-expect-error a field that was not asked for
  themes.nodes[0]?.sharePercent;
}

// One corrected field, proposed: compiled, and not run here.
export async function correct(server: string, id: string, name: string): Promise<string> {
  const value: unknown = { fi: name, sv: null };
  const patch = [{ op: 'replace', path: '/name', value }];
  const edits = [{ patch: { collection: 'projects', id, patch } }];
  const { propose } = await ask(server, Propose, { input: { title: name, edits } });
  // @ts-expect-error an edit of a kind that there is not
  await ask(server, Propose, { input: { title: name, edits: [{ insert: { collection: 'projects', id } }] } });
  // @ts-expect-error a refusal that was not looked for
  return propose?.proposal?.revision ?? propose.refusal.message;
}

await main(process.argv[2] ?? 'http://127.0.0.1:8080', 'FI');
