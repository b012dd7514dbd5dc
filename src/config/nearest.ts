/** Levenshtein's distance: how many letters must be added, removed or changed. */
export function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (const [row, letter] of left.split('').entries()) {
    const current = [row + 1];
    for (const [column, other] of right.split('').entries()) {
      const change = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      const add = (current[column] ?? 0) + 1;
      current.push(Math.min(change, add, (previous[column + 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}

/** Longer words may be further off: a third of the letters, and two in any case. */
function distanceMax(word: string): number {
  return Math.max(2, Math.floor(word.length / 3));
}

/** Guards against quadratic work on rubbish; no known key or variable is that long. */
const wordLengthMax = 100;

/** The candidate that was probably meant, if any is near enough. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > wordLengthMax) return undefined;
  let best: string | undefined;
  let bestDistance = distanceMax(word) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}
