import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseName } from '../../src/dns/name.ts';
import { NameTable } from '../../src/filter/name-table.ts';
import type { RuleScope } from '../../src/filter/name-table.ts';

function tableOf(...rules: readonly [name: string, lists: number, scope: RuleScope][]): NameTable {
  const table = new NameTable(0xfeed);
  for (const [name, lists, scope] of rules) table.add(parseName(name), lists, scope);
  return table;
}

function listsOf(table: NameTable, name: string): number {
  return table.listsOf(parseName(name));
}

describe('the lists of a name', () => {
  const table = tableOf(
    ['exact.example', 1, 'exact'],
    ['below.example', 2, 'below'],
    ['both.example', 4, 'both'],
    ['deep.both.example', 8, 'exact'],
    ['both.example', 16, 'exact'],
  );

  test.each([
    ['exact.example', 1],
    ['www.exact.example', 0],
    ['below.example', 0],
    ['www.below.example', 2],
    ['a.b.c.below.example', 2],
    ['both.example', 20],
    ['www.both.example', 4],
    ['deep.both.example', 12],
    ['example', 0],
    ['xboth.example', 0],
    ['both.example.org', 0],
    ['.', 0],
  ])('%s: %i', (name, lists) => {
    expect(listsOf(table, name)).toBe(lists);
  });

  test('a name on several lists is held once', () => {
    expect(table.size).toBe(4);
  });

  test('the root is no rule: it would be every name', () => {
    expect(listsOf(tableOf(['.', 1, 'both']), 'a.example')).toBe(0);
  });

  test('as many names as one likes agree with a plain Set', () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,3}$/);
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 3000 }), fc.array(name), (listed, asked) => {
        const held = tableOf(
          ...listed.map((text): [string, number, RuleScope] => [text, 1, 'both']),
        );
        const set = new Set(listed);
        for (const text of asked) {
          const ancestors = text
            .split('.')
            .map((_, index, labels) => labels.slice(index).join('.'));
          expect(listsOf(held, text)).toBe(ancestors.some((one) => set.has(one)) ? 1 : 0);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('a hundred thousand names cost tens of octets each, and none is lost while it grows', () => {
    const large = new NameTable(7);
    for (let index = 0; index < 100_000; index++) {
      large.add(parseName(`n${String(index)}.blocked.example`), 1, 'exact');
    }
    expect(large.size).toBe(100_000);
    expect(large.sizeBytes / large.size).toBeLessThan(45);
    const missing = Array.from({ length: 100_000 }, (_, index) =>
      listsOf(large, `n${String(index)}.blocked.example`),
    ).filter((lists) => lists !== 1);
    expect(missing).toEqual([]);
    expect(listsOf(large, 'n100000.blocked.example')).toBe(0);
  });
});
