/**
 * Does `task` for all items, at most `tasksMax` at a time, in their order. Stops beginning new ones
 * once a task says `stop`.
 * @returns whether none said so
 */
export async function inParallel<T>(
  items: Iterable<T>,
  tasksMax: number,
  task: (item: T) => Promise<'next' | 'stop'>,
): Promise<boolean> {
  const rest = items[Symbol.iterator]();
  let isStopped = false;
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true && !isStopped; next = rest.next()) {
      if ((await task(next.value)) === 'stop') isStopped = true;
    }
  };
  await Promise.all(Array.from({ length: tasksMax }, worker));
  return !isStopped;
}
