/** One line of a page of metrics. */
export interface PageSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format of Prometheus, as Heimdall writes it; comments are passed over. */
export function parseMetricsPage(text: string): PageSample[] {
  const samples: PageSample[] = [];
  for (const line of text.split('\n')) {
    const match = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const [, name = '', labels = '', value] = match;
    samples.push({ name, labels: parseLabels(labels), value: Number(value) });
  }
  return samples;
}

function parseLabels(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return Object.fromEntries(
    pairs.map(([, key = '', value = '']) => [key, value.replaceAll(/\\(.)/g, '$1')]),
  );
}

/** Sums of a metric by the values of one label, the largest first. */
export function totalsBy(
  samples: readonly PageSample[],
  name: string,
  label: string,
): [value: string, total: number][] {
  const totals = new Map<string, number>();
  for (const sample of samples) {
    if (sample.name !== name) continue;
    const key = sample.labels[label] ?? '';
    totals.set(key, (totals.get(key) ?? 0) + sample.value);
  }
  return [...totals].toSorted(([, one], [, other]) => other - one);
}

/** The sum of a metric over all its labels; undefined where there is no such metric. */
export function totalOf(samples: readonly PageSample[], name: string): number | undefined {
  const values = samples.filter((sample) => sample.name === name).map(({ value }) => value);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}
