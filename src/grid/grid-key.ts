import { isPlainNxdomain } from '../dns/answer.ts';
import type { Answer } from '../dns/answer.ts';
import { MalformedAddress, MalformedName } from '../base/errors.ts';
import { formatSubnet, parseSubnet } from '../dns/client-subnet.ts';
import { recordTypeName, recordTypeNumber } from '../dns/codes.ts';
import { formatName, lowerName, parseName } from '../dns/name.ts';
import { decodeKey, encodeKey, typeOfNxdomain } from '../dns/question.ts';

/** In the place of a type: the entry holds for all types of its name. */
const allTypes = '*';

/**
 * A question key as text that a person can read in Management Center: `www.example.com./AAAA/IN`,
 * with `+do` and `+cd` behind it where these flags were set, and on behalf of a subnet
 * `+net=198.51.100.0-24`: the last two slashes are those around the type.
 */
export function gridKey(key: Buffer): string {
  const { type } = decodeKey(key).question;
  return keyText(key, type === typeOfNxdomain ? allTypes : recordTypeName(type));
}

/** The key under which an NXDOMAIN of this name is shared. */
export function nxdomainGridKey(key: Buffer): string {
  return keyText(key, allTypes);
}

/** The key under which an answer is shared. */
export function gridKeyOf(key: Buffer, answer: Answer): string {
  return isPlainNxdomain(answer) ? nxdomainGridKey(key) : gridKey(key);
}

function keyText(key: Buffer, type: string): string {
  const { question, flags } = decodeKey(key);
  const dnssecOk = flags.dnssecOk ? '+do' : '';
  const checkingDisabled = flags.checkingDisabled ? '+cd' : '';
  const { clientSubnet } = flags;
  const subnet = clientSubnet ? `+net=${formatSubnet(clientSubnet).replace('/', '-')}` : '';
  return `${formatName(question.name)}/${type}/IN${dnssecOk}${checkingDisabled}${subnet}`;
}

/** The question key that a grid key stands for; undefined when it is none of ours. */
export function parseGridKey(text: string): Buffer | undefined {
  const match = /^(.+)\/([A-Z0-9]+|\*)\/IN(\+do)?(\+cd)?(?:\+net=(.+)-(\d+))?$/s.exec(text);
  if (match === null) return undefined;
  const [, name = '', typeText = '', dnssecOk, checkingDisabled, address, bits = ''] = match;
  const type = typeText === allTypes ? typeOfNxdomain : recordTypeNumber(typeText);
  if (type === undefined) return undefined;
  const flags = {
    dnssecOk: dnssecOk !== undefined,
    checkingDisabled: checkingDisabled !== undefined,
  };
  try {
    const question = { name: lowerName(parseName(name)), type };
    if (address === undefined) return encodeKey(question, flags);
    return encodeKey(question, { ...flags, clientSubnet: parseSubnet(`${address}/${bits}`) });
  } catch (error) {
    if (error instanceof MalformedName || error instanceof MalformedAddress) return undefined;
    throw error;
  }
}

/** The name in a grid key, as text with its final dot; `/` may stand in names, so from the right. */
export function nameInGridKey(key: string): string {
  const classAt = key.lastIndexOf('/');
  return key.slice(0, key.lastIndexOf('/', classAt - 1));
}
