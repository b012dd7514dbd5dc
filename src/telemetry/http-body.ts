import type { IncomingMessage } from 'node:http';
import { RequestRefused } from '../base/errors.ts';

/** Bodies are a handful of words; the limit is what a mistaken client may make us hold. */
export const bodyBytesMax = 64 * 1024;

/**
 * The JSON body of a POST or PUT; undefined when it is empty.
 * @throws {RequestRefused} 415, 413 or 400
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new RequestRefused(
      415,
      'unsupported_media_type',
      'content-type must be application/json',
    );
  }
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge();
  const text = new TextDecoder().decode(await readBytes(request));
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new RequestRefused(400, 'bad_request', 'the body is no JSON');
  }
}

function tooLarge(): RequestRefused {
  const message = `the body has more than ${String(bodyBytesMax)} bytes`;
  return new RequestRefused(413, 'body_too_large', message);
}

/**
 * Reads with listeners of its own: leaving a `for await` would close the connection, and with it
 * the response. What comes behind the limit is let go; the server's request timeout ends it.
 */
function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= bodyBytesMax) chunks.push(chunk);
      else reject(tooLarge());
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', () =>
      reject(new RequestRefused(400, 'bad_request', 'the body broke off')),
    );
  });
}
