import { performance } from 'node:perf_hooks';

/** Prints what was checked as it goes, and remembers whether all held. */
export class Checks {
  #failed = 0;
  #passed = 0;
  readonly #startedAtMs = performance.now();

  get failed(): number {
    return this.#failed;
  }

  title(text: string): void {
    this.#print(`\n## ${text}\n`);
  }

  /** @param detail what was found; printed in any case */
  that(what: string, holds: boolean, detail = ''): void {
    if (holds) this.#passed += 1;
    else this.#failed += 1;
    const found = detail === '' ? '' : `: ${detail}`;
    this.#print(`- ${holds ? 'ok' : 'FAILED'} ${what}${found}`);
  }

  finish(): void {
    const seconds = Math.round((performance.now() - this.#startedAtMs) / 1_000);
    this.#print(
      `\n${String(this.#passed)} passed, ${String(this.#failed)} failed, in ${String(seconds)} s`,
    );
  }

  #print(line: string): void {
    process.stdout.write(`${line}\n`);
  }
}

/** Whether something comes true within a time; looked at ten times a second. */
export async function comesTrue(
  probe: () => boolean | Promise<boolean>,
  patienceMs: number,
): Promise<boolean> {
  const endsAtMs = performance.now() + patienceMs;
  while (performance.now() < endsAtMs) {
    if (await probe()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}
