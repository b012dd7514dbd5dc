import type { HotKey } from '../cache/answer-cache.ts';
import { recordTypeName } from '../dns/codes.ts';
import { formatName, labelCount, parentName } from '../dns/name.ts';
import { decodeKey, typeOfNxdomain } from '../dns/question.ts';
import type { Config } from '../config/schema.ts';
import type { TopName } from '../telemetry/admin-actions.ts';

const namesMax = 20;
/** Labels that are shown of a name where whole names are not. */
const suffixLabels = 2;

/** The questions asked for most, as far as they may be named. */
export function topNames(hottest: readonly HotKey[], how: Config['http']['topNames']): TopName[] {
  if (how === 'none') return [];
  const totals = new Map<string, TopName>();
  for (const { key, hits } of hottest) {
    const { question } = decodeKey(key);
    const type = question.type === typeOfNxdomain ? 'no such name' : recordTypeName(question.type);
    const name = formatName(how === 'full' ? question.name : suffixOf(question.name));
    const known = totals.get(`${name} ${type}`);
    totals.set(`${name} ${type}`, { name, type, hits: hits + (known?.hits ?? 0) });
  }
  return [...totals.values()].toSorted((one, other) => other.hits - one.hits).slice(0, namesMax);
}

function suffixOf(name: Buffer): Buffer {
  let suffix = name;
  while (labelCount(suffix) > suffixLabels) suffix = parentName(suffix);
  return suffix;
}
