import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { clientPrefix } from '../../src/listen/client-prefix.ts';
import { queriesUnderWayMax, WaitingQueries } from '../../src/listen/waiting-queries.ts';
import type { WaitingLimits, WaitingQuery } from '../../src/listen/waiting-queries.ts';

const limits: WaitingLimits = { queriesInFlightMax: 8, queriesInFlightPerClientMax: 4 };

/** Queries by number, and what became of them. */
class Crowd {
  readonly waiting = new WaitingQueries();
  readonly shed: string[] = [];
  readonly refused: string[] = [];
  readonly places = new Map<string, WaitingQuery>();

  enter(client: string, name: string): void {
    const place = this.waiting.enter(client, limits, (limit) => this.shed.push(`${name} ${limit}`));
    if (typeof place === 'string') this.refused.push(`${name} ${place}`);
    else this.places.set(name, place);
  }

  leave(name: string): void {
    const place = this.places.get(name);
    if (place !== undefined) this.waiting.leave(place);
    this.places.delete(name);
  }
}

describe('queries that wait', () => {
  test('of one too many of a client its oldest gives way, and nobody else’s', () => {
    const crowd = new Crowd();
    crowd.enter('quiet', 'q1');
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5', 'a6']) crowd.enter('loud', name);
    expect(crowd.shed).toEqual(['a1 client_in_flight', 'a2 client_in_flight']);
    expect(crowd.refused).toEqual([]);
    expect(crowd.waiting.size).toBe(7);
  });

  test('what was begun for them has a bound as well: then the new one is refused', () => {
    const crowd = new Crowd();
    for (let number = 1; number <= 7; number++) crowd.enter('loud', `a${String(number)}`);
    expect(crowd.refused).toEqual(['a7 client_in_flight']);
    crowd.leave('a1');
    crowd.enter('loud', 'a8');
    expect(crowd.shed.at(-1)).toBe('a3 client_in_flight');
  });

  test('of one too many of all the oldest gives way', () => {
    const crowd = new Crowd();
    for (let number = 1; number <= 9; number++) {
      crowd.enter(`client ${String(number % 4)}`, String(number));
    }
    expect(crowd.shed).toEqual(['1 in_flight']);
  });

  test('whatever comes and goes, no limit is passed and no place is lost', () => {
    const steps = fc.array(fc.tuple(fc.nat(3), fc.nat(30)), { maxLength: 300 });
    fc.assert(
      fc.property(steps, (all) => {
        const crowd = new Crowd();
        all.forEach(([client, number], index) => {
          if (number % 3 === 0) crowd.leave([...crowd.places.keys()][number] ?? '');
          else crowd.enter(String(client), String(index));
          expect(crowd.waiting.size).toBeLessThanOrEqual(queriesUnderWayMax(limits));
        });
        for (const name of [...crowd.places.keys()]) crowd.leave(name);
        expect(crowd.waiting.size).toBe(0);
      }),
    );
  });
});

describe('what counts as one client', () => {
  const lengths = { ipv4PrefixLength: 24, ipv6PrefixLength: 56 };

  test.each([
    ['192.0.2.1', '192.0.2.254', true],
    ['192.0.2.1', '192.0.3.1', false],
    ['192.0.2.1', '::ffff:192.0.2.9', true],
    ['2001:db8:0:12::1', '2001:db8:0:34::1', true],
    ['2001:db8:0:1200::1', '2001:db8:0:3400::1', false],
    ['fe80::1%eth0', 'fe80::2', true],
  ])('%s and %s: %s', (one, other, isSame) => {
    expect(clientPrefix(one, lengths) === clientPrefix(other, lengths)).toBe(isSame);
  });
});
