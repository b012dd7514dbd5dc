import { bar, byId, column, element, fillTable, number, stateText } from './status-drawing.js';
import {
  bucketsOf,
  countsBetween,
  duration,
  memoryOfCache,
  parseMetrics,
  percent,
  quantile,
  size,
  sum,
  totalsBy,
  whole,
} from './status-figures.js';

// The status page reads what anybody may read (`/metrics`), and with a token, or from loopback, the
// admin API.

const pollMs = 2000;
const historyMax = 150;
const history = [];
let before;
let token = sessionStorage.getItem('token') ?? '';

const layerNames = {
  l1: 'L1: memory of this replica',
  stale: 'stale, while upstreams fail',
  l2: 'L2: the grid',
  upstream: 'upstream',
  local: 'local names',
  filter: 'lists',
  admit: 'refused',
  failure: 'failure',
};

function drawTiles(metrics, rate) {
  const answers = totalsBy(metrics, 'heimdall_query_duration_seconds_count', 'layer');
  const all = [...answers.values()].reduce((total, value) => total + value, 0);
  const share = (...layers) =>
    layers.reduce((total, layer) => total + (answers.get(layer) ?? 0), 0) / (all || 1);
  const codes = totalsBy(metrics, 'heimdall_responses_total', 'code');
  const tiles = [
    ['queries per second', rate === undefined ? '–' : whole.format(rate)],
    ['queries in all', whole.format(sum(metrics, 'heimdall_queries_total'))],
    ['from memory', percent.format(share('l1', 'stale', 'local', 'filter'))],
    ['from the grid', percent.format(share('l2'))],
    ['SERVFAIL', percent.format((codes.get('SERVFAIL') ?? 0) / (all || 1))],
    ['entries in L1', whole.format(sum(metrics, 'heimdall_cache_entries'))],
    ['memory of L1', memoryOfCache(metrics)],
    ['memory', size(sum(metrics, 'process_resident_memory_bytes'))],
  ];
  byId('tiles').replaceChildren(
    ...tiles.map(([title, value]) => {
      const tile = element('div');
      tile.append(element('dt', title), element('dd', value));
      return tile;
    }),
  );
}

function drawLayers(metrics) {
  const answers = totalsBy(metrics, 'heimdall_query_duration_seconds_count', 'layer');
  const all = [...answers.values()].reduce((total, value) => total + value, 0) || 1;
  const rows = [...answers]
    .filter(([, count]) => count > 0)
    .sort(([, one], [, other]) => other - one)
    .map(([layer, count]) => [
      layerNames[layer] ?? layer,
      whole.format(count),
      percent.format(count / all),
      bar(count / all),
    ]);
  fillTable(
    'layers',
    'since the start',
    [column('layer'), number('answers'), number('share'), column('')],
    rows,
  );
}

/** Since the start, until there were queries since this page was opened. */
function latencyPeriod(metrics) {
  const opened = history[0]?.metrics;
  const isBusy = quantile(bucketsOf(metrics, opened), 0.5) > 0;
  return isBusy
    ? { since: opened, caption: 'of the last minutes' }
    : { since: undefined, caption: 'since the start' };
}

function drawLatency(metrics) {
  const { since, caption } = latencyPeriod(metrics);
  const layers = [...totalsBy(metrics, 'heimdall_query_duration_seconds_count', 'layer').keys()];
  const rows = [undefined, ...layers].flatMap((layer) => {
    const buckets = bucketsOf(metrics, since, layer);
    const p50 = quantile(buckets, 0.5);
    if (Number.isNaN(p50)) return [];
    const name = layer === undefined ? 'all' : (layerNames[layer] ?? layer);
    return [[name, `≤\u00A0${duration(p50)}`, `≤\u00A0${duration(quantile(buckets, 0.99))}`]];
  });
  fillTable('latency', caption, [column('layer'), number('half'), number('99 of 100')], rows);
}

/** How many answers took how long: each bucket by itself, where the metrics add them up. */
function drawHistogram(metrics) {
  const { since, caption } = latencyPeriod(metrics);
  const counts = countsBetween(bucketsOf(metrics, since));
  const all = counts.reduce((total, { count }) => total + count, 0);
  const most = Math.max(...counts.map(({ count }) => count));
  const rows = counts.map(({ bound, count }) => [
    Number.isFinite(bound) ? `≤\u00A0${duration(bound)}` : 'longer',
    whole.format(count),
    percent.format(count / all),
    bar(count / most),
  ]);
  const heading = [column('time'), number('answers'), number('share'), column('')];
  fillTable('histogram', caption, heading, rows);
}

function drawTraffic(metrics) {
  const transports = totalsBy(metrics, 'heimdall_queries_total', 'transport');
  const connections = totalsBy(metrics, 'heimdall_tcp_connections', 'transport');
  fillTable(
    'transports',
    'queries by transport',
    [column('transport'), number('queries'), number('connections')],
    [...transports]
      .filter(([, count]) => count > 0)
      .map(([name, count]) => [
        name,
        whole.format(count),
        connections.has(name) ? whole.format(connections.get(name)) : '–',
      ]),
  );
  const codes = [...totalsBy(metrics, 'heimdall_responses_total', 'code')].filter(
    ([, count]) => count > 0,
  );
  fillTable(
    'results',
    'responses by result',
    [column('result'), number('responses')],
    codes
      .sort(([, one], [, other]) => other - one)
      .map(([code, count]) => [code, whole.format(count)]),
  );
}

function drawUpstreams(metrics, cluster) {
  const servers = [...totalsBy(metrics, 'heimdall_upstream_up', 'server').keys()];
  const replicas = (cluster?.replicas ?? []).map(({ id }) => id);
  const rows = servers.map((server) => {
    const seen = cluster?.upstreams.find((upstream) => upstream.server === server);
    const responses = sum(metrics, 'heimdall_upstream_response_time_seconds_count', { server });
    const mean =
      sum(metrics, 'heimdall_upstream_response_time_seconds_sum', { server }) / responses;
    const isUp = sum(metrics, 'heimdall_upstream_up', { server }) > 0;
    return [
      server,
      stateText(isUp ? 'up' : 'down'),
      stateText(seen?.agreed ?? '–'),
      ...replicas.map((id) =>
        stateText(seen?.views.find(({ replica }) => replica === id)?.state ?? '–'),
      ),
      whole.format(responses),
      duration(mean),
      whole.format(sum(metrics, 'heimdall_upstream_failures_total', { server })),
    ];
  });
  const views = replicas.map((id) => column(`seen by ${id}`));
  fillTable(
    'upstreams',
    '',
    [
      column('server'),
      column('here'),
      column('agreed'),
      ...views,
      number('responses'),
      number('mean time'),
      number('failures'),
    ],
    rows,
  );
}

function drawCluster(cluster) {
  const grid = byId('grid');
  if (cluster === undefined) {
    grid.textContent = 'Give the token to see the cluster.';
  } else if (cluster.state === 'off') {
    grid.textContent = 'No grid is configured: this replica answers for itself.';
  } else {
    const offset =
      cluster.clockOffsetMs === null
        ? 'not known'
        : `${whole.format(cluster.clockOffsetMs)} ms ahead of the grid`;
    grid.replaceChildren(
      'Grid: ',
      stateText(cluster.state),
      ` · clock ${offset} · breakers open: ${String(cluster.breakersOpen.length)}`,
    );
  }
  const replicas = cluster?.replicas ?? [];
  fillTable(
    'replicas',
    'replicas',
    [
      column('replica'),
      column('address'),
      column('version'),
      number('answers'),
      number('L1'),
      number('L2'),
      number('upstream'),
      column('switches'),
    ],
    replicas.map(({ id, address, version, answers, shares, switches }) => [
      id,
      address,
      version,
      whole.format(answers),
      ...['l1', 'l2', 'upstream'].map((layer) => percent.format(shares[layer] ?? 0)),
      Object.entries(switches)
        .map(([name, mode]) => `${name} ${mode}`)
        .join(', '),
    ]),
  );
  fillTable(
    'members',
    'members of the grid',
    [column('member'), column('version')],
    (cluster?.members ?? []).map(({ address, version }) => [
      String(address ?? ''),
      String(version ?? ''),
    ]),
  );
  const leases = Object.entries(cluster?.leases ?? {}).filter(([, count]) => count > 0);
  fillTable(
    'leases',
    'leases asked for here',
    [column('outcome'), number('times')],
    leases.map(([name, count]) => [name, whole.format(count)]),
  );
}

function drawNames(names) {
  fillTable(
    'names',
    '',
    [column('name'), column('type'), number('hits')],
    (names ?? []).map(({ name, type, hits }) => [name, type, whole.format(hits)]),
  );
}

function drawRate() {
  const rates = history.flatMap(({ rate }) => (rate === undefined ? [] : [rate]));
  const most = Math.max(1, ...rates);
  const points = rates.map(
    (rate, index) => `${(index / Math.max(1, historyMax - 1)) * 600},${115 - (rate / most) * 110}`,
  );
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  line.setAttribute('points', points.join(' '));
  byId('rate').replaceChildren(line);
  byId('rate-text').textContent =
    `now ${whole.format(rates.at(-1) ?? 0)}, most ${whole.format(Math.max(0, ...rates))} in the last ${whole.format((rates.length * pollMs) / 1000)} seconds`;
}

async function admin(path, init = {}) {
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(path, { ...init, headers: { ...headers, ...init.headers } });
  byId('access').hidden = response.status !== 401 && response.status !== 403 && token === '';
  const body = await response.json();
  if (!response.ok) throw new Error(body.error?.message ?? `HTTP ${String(response.status)}`);
  return body;
}

const orUndefined = (promise) => promise.catch(() => undefined);

async function poll() {
  try {
    const page = await fetch('/metrics');
    const metrics = parseMetrics(await page.text());
    const nowMs = performance.now();
    const [cluster, names] = await Promise.all([
      orUndefined(admin('/api/v1/cluster')),
      orUndefined(admin('/api/v1/cache/top')),
    ]);
    const queries = sum(metrics, 'heimdall_queries_total');
    const rate =
      before && queries >= before.queries
        ? ((queries - before.queries) / (nowMs - before.nowMs)) * 1000
        : undefined;
    before = { queries, nowMs };
    history.push({ metrics, rate });
    if (history.length > historyMax) history.shift();
    const [build] = metrics.get('heimdall_build_info') ?? [];
    byId('version').textContent =
      build === undefined ? '' : `${build.labels.version} · UDP ${build.labels.udp_transport}`;
    const isReady = sum(metrics, 'heimdall_ready') > 0;
    byId('state').replaceChildren(
      element('span', isReady ? 'ready' : 'not ready', isReady ? 'good' : 'warn'),
    );
    drawTiles(metrics, rate);
    drawRate();
    drawLayers(metrics);
    drawLatency(metrics);
    drawHistogram(metrics);
    drawTraffic(metrics);
    drawUpstreams(metrics, cluster);
    drawCluster(cluster);
    drawNames(names?.names);
  } catch {
    byId('state').replaceChildren(element('span', 'this replica does not answer', 'bad'));
  }
  setTimeout(poll, pollMs);
}

async function show(task) {
  const answer = byId('answer');
  answer.replaceChildren('…');
  try {
    answer.replaceChildren(...(await task()));
  } catch (error) {
    answer.replaceChildren(element('span', error.message, 'bad'));
  }
}

byId('lookup').addEventListener('submit', (event) => {
  event.preventDefault();
  const { name, type } = Object.fromEntries(new FormData(event.target));
  void show(async () => {
    const found = await admin('/api/v1/lookup', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, type }),
    });
    const from = layerNames[found.layer] ?? found.layer;
    const detail = found.detail === null ? '' : ` (${found.detail})`;
    const errors = found.extendedErrors.map((text) => `extended error ${text}`);
    return [
      element('strong', found.code),
      ` from ${from}${detail} in ${duration(found.durationMs / 1000)}`,
      element('pre', [...found.records, ...errors].join('\n')),
    ];
  });
});

byId('flush').addEventListener('click', () => {
  const name = new FormData(byId('lookup')).get('name');
  if (name === '') return;
  void show(async () => {
    const { flushed } = await admin('/api/v1/cache/flush', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    return [`forgotten here: ${whole.format(flushed)} entries; the other replicas were told`];
  });
});

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value;
  sessionStorage.setItem('token', token);
});

void poll();
