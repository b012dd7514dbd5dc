// Reads a page of metrics, and writes numbers as people read them.

/** Samples of a page of metrics: name -> list of labels and value. */
export function parseMetrics(text) {
  const metrics = new Map();
  for (const line of text.split('\n')) {
    const match = /^([a-z_0-9]+)(?:\{(.*)\})? ([-+.0-9eEInfNa]+)$/i.exec(line);
    if (match === null) continue;
    const [, name, labelText = '', value] = match;
    const labels = {};
    for (const [, key, raw] of labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[key] = raw.replaceAll('\\"', '"').replaceAll('\\\\', '\\');
    }
    if (!metrics.has(name)) metrics.set(name, []);
    metrics.get(name).push({ labels, value: Number(value) });
  }
  return metrics;
}

export function sum(metrics, name, wanted = {}) {
  return (metrics.get(name) ?? [])
    .filter(({ labels }) => Object.entries(wanted).every(([key, value]) => labels[key] === value))
    .reduce((total, { value }) => total + value, 0);
}

export function totalsBy(metrics, name, label) {
  const totals = new Map();
  for (const { labels, value } of metrics.get(name) ?? []) {
    totals.set(labels[label], (totals.get(labels[label]) ?? 0) + value);
  }
  return totals;
}

/** Quantile of a histogram between two scrapes, by its buckets. */
export function quantile(buckets, share) {
  const sorted = [...buckets].sort((one, other) => one.bound - other.bound);
  const all = sorted.at(-1)?.count ?? 0;
  if (all === 0) return Number.NaN;
  return sorted.find(({ count }) => count >= all * share)?.bound ?? Number.NaN;
}

export function bucketsOf(metrics, earlier, layer) {
  const at = (source) => {
    const counts = new Map();
    for (const { labels, value } of source?.get('heimdall_query_duration_seconds_bucket') ?? []) {
      if (layer !== undefined && labels.layer !== layer) continue;
      const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
      counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return counts;
  };
  const old = at(earlier);
  return [...at(metrics)].map(([bound, count]) => ({
    bound,
    count: count - (old.get(bound) ?? 0),
  }));
}

/** Cumulative buckets as what fell into each, from the first to the last that has anything. */
export function countsBetween(buckets) {
  const sorted = [...buckets].sort((one, other) => one.bound - other.bound);
  const counts = sorted.map(({ bound, count }, index) => ({
    bound,
    count: count - (sorted[index - 1]?.count ?? 0),
  }));
  const first = counts.findIndex(({ count }) => count > 0);
  return first < 0 ? [] : counts.slice(first, counts.findLastIndex(({ count }) => count > 0) + 1);
}

export const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
export const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

const brief = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** On one line: number and unit do not part. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 0.001) return `${whole.format(seconds * 1e6)}\u00A0µs`;
  if (seconds < 1) return `${brief.format(seconds * 1000)}\u00A0ms`;
  return `${brief.format(seconds)}\u00A0s`;
}

export function size(bytes) {
  return bytes < 1024 ** 2
    ? `${whole.format(bytes / 1024)} KiB`
    : `${whole.format(bytes / 1024 ** 2)} MiB`;
}

/** What L1 takes, and what it may take where that is less than configured: memory is short. */
export function memoryOfCache(metrics) {
  const limit = sum(metrics, 'heimdall_cache_limit_bytes');
  const isShort = limit < sum(metrics, 'heimdall_cache_configured_bytes');
  const used = size(sum(metrics, 'heimdall_cache_size_bytes'));
  return isShort ? `${used} of ${size(limit)}` : used;
}
