import { totalIn, totalWith } from './doctor-facts.ts';
import type { Facts } from './doctor-facts.ts';
import { ok, warning } from './doctor-finding.ts';
import type { Finding } from './doctor-finding.ts';

/** Below that the share says nothing. */
const responsesMin = 100;
const failureShareMax = 0.05;
/** A share of queries: single losses are of no account. */
const lossShareMax = 0.001;

/** Losses on our side, by their reason, and what helps. */
const lossAdvice: Readonly<Record<string, string>> = {
  send_queue_full: 'give it more CPU: the kernel takes answers more slowly than they come',
  no_buffers: 'raise net.core.wmem_max, or the queue of the network device (txqueuelen)',
  truncated: 'see who sends such datagrams: none is a query',
};

/** What becomes of the queries of clients. */
export function trafficChecks(facts: Facts): Finding[] {
  return [failures(facts), ...losses(facts), ...refused(facts), ...full(facts)];
}

function failures(facts: Facts): Finding {
  const all = totalIn(facts, 'heimdall_responses_total');
  const failed = totalWith(facts, 'heimdall_responses_total', ['code', 'SERVFAIL']);
  const percent = all === 0 ? 0 : (failed / all) * 100;
  const text = `${percent.toFixed(1)} % of ${String(all)} answers were SERVFAIL`;
  if (all < responsesMin || failed / all <= failureShareMax) return ok('answers', text);
  return warning(
    'answers',
    text,
    'see heimdall_upstream_failures_total for which upstream, and why',
  );
}

function losses(facts: Facts): Finding[] {
  const queries = Math.max(responsesMin, totalIn(facts, 'heimdall_queries_total'));
  return Object.entries(lossAdvice).flatMap(([reason, advice]) => {
    const lost = totalWith(facts, 'heimdall_queries_dropped_total', ['reason', reason]);
    if (lost / queries <= lossShareMax) return [];
    return [warning('losses', `${String(lost)} queries were dropped: ${reason}`, advice)];
  });
}

/** Turned away because of who asked, or how much. */
const refusals = [
  ['access', 'came from networks that may not ask', 'add them to clients.allow, if they are yours'],
  ['rate_limit', 'were more than a client may ask', 'see clients.rateLimit, if they were no flood'],
] as const;

function refused(facts: Facts): Finding[] {
  return refusals.flatMap(([reason, what, advice]) => {
    const count = totalWith(facts, 'heimdall_queries_shed_total', ['reason', reason]);
    return count === 0 ? [] : [warning('clients', `${String(count)} queries ${what}`, advice)];
  });
}

function full(facts: Facts): Finding[] {
  const flights = totalIn(facts, 'heimdall_flights_refused_total');
  const exchanges = totalIn(facts, 'heimdall_upstream_exchanges_refused_total');
  if (flights + exchanges === 0) return [];
  return [
    warning(
      'limits',
      `${String(flights + exchanges)} questions were not asked: too many were under way`,
      'find out why upstreams are slow, then see listen.queriesInFlightMax',
    ),
  ];
}
