import { rowsOf } from './api.ts';
import { cellText } from './table.ts';
import { fieldsOf, optionAt } from './doctor-facts.ts';
import type { Facts, Fields } from './doctor-facts.ts';
import { ok, problem, warning } from './doctor-finding.ts';
import type { Finding } from './doctor-finding.ts';

/** TTLs are in seconds: less than that is of no account. */
const skewMsMax = 1000;

/** The grid, and what this replica knows of the others by it. */
export function gridChecks(facts: Facts): Finding[] {
  const { cluster } = facts;
  if (cluster['state'] === 'off') return [ok('grid', 'none is configured (grid.members)')];
  if (cluster['state'] !== 'connected') {
    return [
      problem(
        'grid',
        `it is ${cellText(cluster['state'])}: this replica works by itself`,
        'see whether a member answers at grid.members, and whether a network policy is in between',
      ),
    ];
  }
  const members = rowsOf(cluster, 'members');
  const replicas = rowsOf(cluster, 'replicas');
  return [
    membership(members, replicas),
    ...versions('replicas', replicas),
    ...versions('members', members),
    clock(cluster),
    ...breakers(cluster),
    ...switches(replicas),
    ...locks(facts, members),
  ];
}

/** Members that do not find each other become clusters of one, each with some of the replicas. */
function membership(members: readonly Fields[], replicas: readonly Fields[]): Finding {
  const text = `${String(members.length)} members, ${String(replicas.length)} replicas know each other`;
  if (members.length > 1) return ok('grid', text);
  return warning(
    'grid',
    `${text}: with one member nothing is kept twice`,
    'where there should be more: members do not find each other; see RBAC and discovery in docs/kubernetes.md',
  );
}

function versions(whose: string, rows: readonly Fields[]): Finding[] {
  const found = [...new Set(rows.map((row) => cellText(row['version'])))].toSorted();
  if (found.length < 2) return [];
  const text = `the ${whose} have versions ${found.join(' and ')}`;
  return [warning('versions', text, 'fine while an update rolls out; else finish it')];
}

function clock(cluster: Fields): Finding {
  const offsetMs = Number(cluster['clockOffsetMs']);
  const text = `this replica is ${String(Math.round(offsetMs))} ms from the time of the grid`;
  if (Math.abs(offsetMs) <= skewMsMax) return ok('clock', text);
  return warning('clock', text, 'see NTP on this node; answers keep their TTLs all the same');
}

function breakers(cluster: Fields): Finding[] {
  const open = cluster['breakersOpen'];
  if (!Array.isArray(open) || open.length === 0) return [];
  const text = `members are left out because they are late: ${open.map(cellText).join(', ')}`;
  return [problem('breakers', text, 'see load and garbage collection of these members')];
}

/** A roll-out switch by switch passes through that; nobody should stay there. */
function switches(replicas: readonly Fields[]): Finding[] {
  const found = new Set(replicas.map((replica) => JSON.stringify(fieldsOf(replica['switches']))));
  if (found.size < 2) return [];
  return [
    warning(
      'switches',
      'replicas share different things (heimdall cluster shows which)',
      'give all replicas the same grid options, unless a roll-out is under way',
    ),
  ];
}

/** FencedLock needs the CP Subsystem: the last community line that has it is 5.4. */
function locks(facts: Facts, members: readonly Fields[]): Finding[] {
  if (optionAt(facts, 'grid.deduplication.strategy') !== 'fenced-lock') return [];
  const isNewer = members.some(({ version }) => /^5\.(?:[5-9]|\d\d)/.test(cellText(version)));
  if (!isNewer || members.length === 0) return [];
  return [
    warning(
      'locks',
      'grid.deduplication.strategy is fenced-lock, and members are newer than 5.4',
      'community members since 5.5 have no CP Subsystem: use auto, or Enterprise members',
    ),
  ];
}
