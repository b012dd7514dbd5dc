import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatName } from '../../src/dns/name.ts';
import { ListParser } from '../../src/filter/list-parser.ts';
import type { ListFormat } from '../../src/filter/list-parser.ts';

/** The rules of some lines as text: `name scope`, with `@@` for exceptions; `-` for a skipped line. */
function rulesOf(text: string, format: ListFormat = 'auto'): string[] {
  const rules: string[] = [];
  const parser = new ListParser(format, {
    rule: (name, scope, isException) =>
      rules.push(`${isException ? '@@' : ''}${formatName(name)} ${scope}`),
    effect: () => undefined,
    skipped: () => rules.push('-'),
  });
  for (const line of text.split('\n')) parser.line(line);
  return rules;
}

describe('lines of a list', () => {
  test.each<[string, string[]]>([
    ['0.0.0.0 Ads.Example', ['ads.example. exact']],
    ['127.0.0.1\ta.example b.example # both', ['a.example. exact', 'b.example. exact']],
    [':: six.example', ['six.example. exact']],
    ['127.0.0.1 localhost localhost.localdomain', []],
    ['ads.example', ['ads.example. exact']],
    ['ads.example.', ['ads.example. exact']],
    ['ads.example # why', ['ads.example. exact']],
    ['*.ads.example', ['ads.example. both']],
    ['.ads.example', ['ads.example. both']],
    ['||ads.example^', ['ads.example. both']],
    ['||ads.example^$important,third-party', ['ads.example. both']],
    ['@@||good.example^', ['@@good.example. both']],
    ['|exact.example^', ['exact.example. exact']],
    ['_srv._tcp.example', ['_srv._tcp.example. exact']],
    ['bücher.example', ['xn--bcher-kva.example. exact']],
    ['  spaces.example\r', ['spaces.example. exact']],
    ['# a comment', []],
    ['! a comment', []],
    ['[Adblock Plus 2.0]', []],
    ['', []],
    ['||ads.example/banner^', ['-']],
    ['||ads.example^$dnstype=A', ['-']],
    ['/ads[0-9]+/', ['-']],
    ['example.com##.banner', ['-']],
    ['1.2.3.4', ['-']],
    ['two words', ['-']],
    ['a..b', ['-']],
    ['.', ['-']],
    [`${'a'.repeat(64)}.example`, ['-']],
    [`${'a.'.repeat(127)}example`, ['-']],
  ])('%j', (line, rules) => {
    expect(rulesOf(line)).toEqual(rules);
  });

  test('a format that is given is the only one that is read', () => {
    const text = '0.0.0.0 a.example\n||b.example^\nc.example\n*.d.example';
    expect(rulesOf(text, 'hosts')).toEqual(['a.example. exact', '-', '-', '-']);
    expect(rulesOf(text, 'domains')).toEqual(['-', '-', 'c.example. exact', 'd.example. both']);
    expect(rulesOf(text, 'wildcard')).toEqual(['-', '-', 'c.example. both', 'd.example. both']);
    expect(rulesOf(text, 'adblock')).toEqual(['-', 'b.example. both', 'c.example. exact', '-']);
  });

  test('whatever a line holds, the parser goes on, and gives names that are names', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.string({ unit: 'binary' }))), (lines) => {
        const parser = new ListParser('auto', {
          rule: (name) => {
            expect(name.length).toBeLessThanOrEqual(255);
            expect(name.at(-1)).toBe(0);
            expect(formatName(name)).toMatch(/^([a-z0-9_-]{1,63}\.)+$/);
          },
          effect: () => undefined,
          skipped: () => undefined,
        });
        for (const line of lines) parser.line(line);
      }),
      { numRuns: 2000 },
    );
  });
});
