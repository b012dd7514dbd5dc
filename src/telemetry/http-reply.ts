/** A response before it is sent. */
export interface HttpReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Plain text. */
export function textReply(status: number, body: string): HttpReply {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

/** A value as JSON; bigints do not occur. */
export function jsonReply(status: number, value: unknown): HttpReply {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` };
}

/** A refusal in the one form that all of them have. */
export function errorReply(
  status: number,
  code: string,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): HttpReply {
  return jsonReply(status, { error: { code, message, ...details } });
}
