import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { projectRoot } from '../support/source-files.ts';
import { runScript } from './run-script.ts';
import { titleOf } from './script-lines.ts';

const answer = 'upstream 192.0.2.53 answers www.example.com A 300 192.0.2.1';

describe('a script that is wrong is refused with file, line and what is meant', () => {
  test.each([
    ['asks www.example.com A', 1, 'found "asks" where a statement is to stand: config, upstream'],
    ['# title\n\nask www.example.com', 3, 'a record type is missing at the end of the line'],
    ['ask www.example.com B', 1, 'found "B" where a record type is to stand'],
    ['ask www.example.com A quickly', 1, '"quickly" is none of: do, cd, ad, tcp'],
    ['ask www.example.com A 99999 times', 1, 'more than 10000 times'],
    ['pass 10', 1, 'found "10" where a time such as 50ms is to stand'],
    ['wait\n  for it', 2, 'nothing may be indented below "wait"'],
    ['  ask www.example.com A', 1, 'nothing stands above this line'],
    ['pass 1s 2s', 1, '"2s" is more than is understood here'],
    ['flush it', 1, 'what to flush is to stand: name, suffix, all'],
    ['upstream 192.0.2.53 sings', 1, 'what the upstream does is to stand: answers, fails'],
    ['upstream 192.0.2.53 fails badly', 1, 'found "badly" where how is to stand: servfail'],
    [`${answer} before 1s`, 1, 'found "before", which is no address for A'],
    ['upstream 192.0.2.53 answers example.com SOA 60 60', 1, 'minimum SECONDS'],
    ['upstream 192.0.2.53 answers example.com TYPE9 60 xyz', 1, 'hexadecimal'],
    ['upstream 192.0.2.53 answers * A 60 192.0.2.1', 1, 'stand below it, with their names'],
    ['expect NOERROR', 1, 'nothing was asked'],
    ['expect upstream is up', 1, 'where what is expected is to stand'],
    ['config\n  cache: { ttlMax: 3 }', 1, 'ttlMax'],
    ['config\n  cache: {', 1, 'Flow map'],
  ])('%j', async (text, line, message) => {
    const run = runScript('some.scenario', text);
    await expect(run).rejects.toThrow(`some.scenario:${String(line)}: `);
    await expect(run).rejects.toThrow(message);
  });
});

describe('an expectation that does not come true says what came', () => {
  test.each([
    ['expect NXDOMAIN', 'the code is NOERROR'],
    ['expect NOERROR ttl 299', 'the TTL of www.example.com. A is 300'],
    ['expect NOERROR 192.0.2.2', 'the data is 192.0.2.1'],
    ['expect NOERROR empty', 'the answer section is not empty'],
    ['expect NOERROR from hot', 'it came from upstream 192.0.2.53:53'],
    ['expect NOERROR from upstream@192.0.2.5', 'it came from upstream 192.0.2.53:53'],
    ['expect NOERROR ede 3', 'the extended errors are: none'],
    ['expect NOERROR after 1s', 'it came after 0ms'],
    ['expect NOERROR aa', 'no aa'],
    ['expect NOERROR\n  www.example.com A 300 192.0.2.9', 'the answer section is not'],
    ['expect nothing', 'there is a response'],
    ['expect upstream asked 2 times', 'asked 1 times:\n    0ms 192.0.2.53:53'],
    ['expect upstream 192.0.2.53 is down', '192.0.2.53 is up'],
    ['expect first NOERROR', 'nothing was asked as "first"'],
    ['ask other.example.com A', 'was asked for'],
    ['upstream 192.0.2.53 fails timeout\nask a.example A\nexpect NOERROR', 'there is no response'],
  ])('%j', async (statement, message) => {
    const text = `${answer}\nask www.example.com A\n${statement}`;
    await expect(runScript('some.scenario', text)).rejects.toThrow(message);
  });
});

describe('docs/scenarios.md', () => {
  const page = readFileSync(join(projectRoot, 'docs/scenarios.md'), 'utf8');
  const examples = [...page.matchAll(/^```scenario\n([\s\S]*?)^```/gm)].map(
    ([, text]) => text ?? '',
  );

  test('has examples', () => expect(examples.length).toBeGreaterThan(1));

  test.each(examples.map((text) => [titleOf(text), text] as const))(
    'its example runs: %s',
    async (_title, text) => {
      await expect(runScript('docs/scenarios.md', text)).resolves.toBeUndefined();
    },
  );
});
