/** The value of one step of a scale, and what is written behind it. */
type Step = readonly [size: number, suffix: string];

const plain: readonly Step[] = [
  [1e6, ' M'],
  [1e3, ' k'],
  [1, ''],
];
const scales: Readonly<Record<string, readonly Step[]>> = {
  s: [
    [1, ' s'],
    [1e-3, ' ms'],
    [1e-6, ' µs'],
  ],
  bytes: [
    [2 ** 30, ' GiB'],
    [2 ** 20, ' MiB'],
    [2 ** 10, ' KiB'],
    [1, ' B'],
  ],
  percentunit: [[0.01, ' %']],
};
const suffixes: Readonly<Record<string, string>> = { reqps: '/s', ops: '/s' };

/** A value as Grafana writes it: `1.5 k/s`, `250 µs`, `12 %`. */
export function formatValue(value: number, unit: string): string {
  const [size, suffix] = stepOf(value, unit);
  const digits = Number((value / size).toPrecision(3));
  return `${String(digits)}${value === 0 ? '' : suffix}${suffixes[unit] ?? ''}`;
}

/** Three or four round values from 0 to what a scale must show. */
export function ticksUpTo(highest: number, unit: string): number[] {
  const [size] = stepOf(highest, unit);
  const wanted = highest === 0 ? 1 : highest / size;
  const power = 10 ** Math.floor(Math.log10(wanted / 2));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one * 3 >= wanted) ?? 1;
  const count = Math.max(1, Math.ceil(wanted / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, index) => index * step * size);
}

function stepOf(value: number, unit: string): Step {
  const scale = scales[unit] ?? plain;
  const last = scale.at(-1) ?? [1, ''];
  return scale.find(([size]) => Math.abs(value) >= size) ?? last;
}
