import { z } from 'zod';

/** More than any machine has use for: each worker is a process with memory of its own. */
const workersMax = 64;

/** How many processes answer clients. */
export const workers = z
  .union([z.int().min(1).max(workersMax), z.literal('auto')])
  .default(1)
  .meta({
    description:
      'Processes that answer clients on the same port; with 1 one process does all, auto is one for each core.',
    'x-allowed': `a whole number from 1 to ${String(workersMax)}, or "auto"`,
  });
