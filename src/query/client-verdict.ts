/** What is to become of a query, by who sent it. */
export const clientVerdict = {
  serve: 0,
  /** An answer with REFUSED: who asks may not. */
  refuse: 1,
  /** No answer: too many from there. */
  drop: 2,
  /** A truncated answer: too many from there, and a client that is no forgery will come by TCP. */
  truncate: 3,
} as const;

export type ClientVerdict = (typeof clientVerdict)[keyof typeof clientVerdict];
