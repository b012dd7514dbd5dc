import { z } from 'zod';
import { MalformedAddress } from '../base/errors.ts';
import { parsedText, share } from './values.ts';

const endpoint = parsedText('"off" or a URL, such as "http://127.0.0.1:4318/v1/traces"', (text) => {
  if (text === 'off') return text;
  const { protocol } = new URL(text);
  if (protocol === 'http:' || protocol === 'https:') return text;
  throw new MalformedAddress(`"${text}" is no such URL`);
});

/** Where the time of single queries goes. */
export const tracesSchema = z.strictObject({
  endpoint: endpoint.prefault('off').meta({
    description:
      'A collector of OpenTelemetry that takes traces of queries by OTLP over HTTP in JSON.',
  }),
  sampleShare: share('Share of the queries beyond plain hits that are traced.', 0.01),
});
