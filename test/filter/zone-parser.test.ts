import { describe, expect, test } from '@jest/globals';
import { formatName } from '../../src/dns/name.ts';
import { ZoneParser } from '../../src/filter/zone-parser.ts';

function read(text: string): { readonly rules: string[]; readonly skipped: number } {
  const rules: string[] = [];
  let skipped = 0;
  const parser = new ZoneParser({
    rule: (name, scope, isException) => {
      rules.push(`${formatName(name)} ${scope}${isException ? ' passthru' : ''}`);
    },
    effect: (_, __, effect) => {
      const last = rules.pop() ?? '';
      rules.push(`${last} ${effect.kind === 'record' ? String(effect.type) : effect.kind}`);
    },
    skipped: () => skipped++,
  });
  for (const line of text.split('\n')) parser.line(line);
  return { rules, skipped };
}

const zone = `$TTL 2h
$ORIGIN rpz.example.
@ IN SOA ns.example. host.example. (
    1 ; serial
    3600 600
    86400 60 )
  IN NS ns.example.
gone.example CNAME .
*.gone.example CNAME .
empty.example CNAME *.
fine.gone.example 300 IN CNAME rpz-passthru.
quiet.example CNAME rpz-drop.
slow.example CNAME rpz-tcp-only.
walled.example A 192.0.2.1
               AAAA 2001:db8::1
               TXT "no; not here"
alias.example CNAME garden.example.
whole.example.rpz.example. CNAME .
`;

describe('a response policy zone', () => {
  test('each action by its name, data by its type, names relative to the apex', () => {
    expect(read(zone)).toEqual({
      rules: [
        'gone.example. exact',
        'gone.example. below',
        'empty.example. exact nodata',
        'fine.gone.example. exact passthru',
        'quiet.example. exact drop',
        'slow.example. exact tcp-only',
        'walled.example. exact 1',
        'walled.example. exact 28',
        'walled.example. exact 16',
        'alias.example. exact 5',
        'whole.example. exact',
      ],
      skipped: 0,
    });
  });

  test('triggers that are not about the name asked for are skipped and counted', () => {
    const others = `$ORIGIN rpz.example.
24.0.2.0.192.rpz-ip CNAME .
24.0.2.0.192.rpz-client-ip CNAME rpz-drop.
ns.bad.example.rpz-nsdname CNAME .
24.0.2.0.192.rpz-nsip CNAME .
* CNAME .
outside.example. CNAME .
broken TYPE
broken A 1
"open CNAME .
last CNAME .`;
    expect(read(others)).toEqual({ rules: ['last. exact'], skipped: 9 });
  });
});
