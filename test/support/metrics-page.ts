/** Values by series. */
export type Page = ReadonlyMap<string, number>;

/** The series of a page that begin so; empty where the page is not served. */
export async function scrape(url: string, beginning = 'heimdall_'): Promise<Page> {
  const response = await fetch(url);
  if (response.status !== 200) return new Map();
  const lines = (await response.text()).split('\n');
  return new Map(lines.filter((line) => line.startsWith(beginning)).map(readSample));
}

/** All values of the series that begin so, added up. */
export function sumOf(page: Page, beginning: string): number {
  const matching = Array.from(page).filter(([series]) => series.startsWith(beginning));
  return matching.reduce((sum, [, value]) => sum + value, 0);
}

/** A line of a page: its series, with the labels in the order of their names, and the value. */
function readSample(line: string): readonly [series: string, value: number] {
  const end = line.lastIndexOf(' ');
  const [, name = line.slice(0, end), labels = ''] = /^(\w+)\{(.*)\} /.exec(line) ?? [];
  const sorted = (labels.match(/\w+="[^"]*"/g) ?? []).toSorted();
  return [`${name}{${sorted.join(',')}}`, Number(line.slice(end))];
}
