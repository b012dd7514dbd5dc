import { cellText } from './table.ts';
import { fieldsOf, totalIn, totalWith } from './doctor-facts.ts';
import type { Facts } from './doctor-facts.ts';
import { ok, problem, warning } from './doctor-finding.ts';
import type { Finding } from './doctor-finding.ts';

const day = 86_400;
/** Renewal is due by then wherever certificates live for 90 days. */
const certificateDaysMin = 14;
/** The event loop is looked at every 10 ms, which is in the figure. */
const lagSecondsMax = 0.06;

/** The replica itself. */
export function replicaChecks(facts: Facts): Finding[] {
  return [readiness(facts), reloads(facts), ...certificate(facts), lag(facts), ...workers(facts)];
}

function readiness({ readiness: { ready, reasons }, version }: Facts): Finding {
  const text = `version ${cellText(version['version'])} on Node ${cellText(version['node'])}`;
  if (ready === true) return ok('replica', `${text} is ready`);
  const why = Array.isArray(reasons)
    ? reasons.map((reason) => cellText(fieldsOf(reason)['message'])).join('; ')
    : 'it does not say why';
  return problem('replica', `${text} is not ready: ${why}`, 'see its log; nobody is sent to it');
}

function reloads(facts: Facts): Finding {
  const failed = totalWith(facts, 'heimdall_config_reloads_total', ['result', 'failure']);
  if (failed === 0) return ok('configuration', 'no reload failed');
  return warning(
    'configuration',
    `${String(failed)} reloads failed: what is running may not be what the file says`,
    'run `heimdall config check` on the file',
  );
}

function certificate({ metrics, wallMs }: Facts): Finding[] {
  const expiry = metrics.find(
    ({ name }) => name === 'heimdall_certificate_expiry_timestamp_seconds',
  );
  if (expiry === undefined) return [];
  const days = Math.floor((expiry.value - wallMs / 1000) / day);
  const advice = 'renew it: its files are read again by themselves (listen.certificate)';
  if (days < 0) return [problem('certificate', 'it has expired', advice)];
  const text = `it expires in ${String(days)} days`;
  return [
    days < certificateDaysMin ? warning('certificate', text, advice) : ok('certificate', text),
  ];
}

function lag(facts: Facts): Finding {
  const seconds = totalIn(facts, 'nodejs_eventloop_lag_p99_seconds');
  const text = `99 % of its turns take at most ${(seconds * 1000).toFixed(0)} ms`;
  if (seconds <= lagSecondsMax) return ok('event loop', text);
  return warning('event loop', text, 'give it more CPU, or more workers (workers: auto)');
}

function workers(facts: Facts): Finding[] {
  const restarts = totalIn(facts, 'heimdall_worker_restarts_total');
  if (restarts === 0) return [];
  const text = `workers were started anew ${String(restarts)} times`;
  return [warning('workers', text, 'see the log for why they ended')];
}
