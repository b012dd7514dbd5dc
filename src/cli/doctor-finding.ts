/** What a check came to. */
export interface Finding {
  readonly check: string;
  readonly level: Level;
  /** What was found. */
  readonly text: string;
  /** What to do about it; none where all is well. */
  readonly advice?: string;
}

export type Level = 'ok' | 'warning' | 'problem';

export function ok(check: string, text: string): Finding {
  return { check, level: 'ok', text };
}

export function warning(check: string, text: string, advice: string): Finding {
  return { check, level: 'warning', text, advice };
}

export function problem(check: string, text: string, advice: string): Finding {
  return { check, level: 'problem', text, advice };
}
