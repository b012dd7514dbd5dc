import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web server on loopback that answers as the test says. */
export class ListServer {
  /** The requests, in the order in which they came. */
  readonly requests: IncomingMessage[] = [];
  readonly #server: Server;
  answer: (request: IncomingMessage, response: ServerResponse) => void;

  private constructor(answer: ListServer['answer']) {
    this.answer = answer;
    this.#server = createServer((request, response) => {
      this.requests.push(request);
      this.answer(request, response);
    });
  }

  static async start(answer: ListServer['answer']): Promise<ListServer> {
    const server = new ListServer(answer);
    await new Promise<void>((resolve) => {
      server.#server.listen(0, '127.0.0.1', resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

/** Answers with a text; with 304 to who has it by its tag. */
export function serveText(text: string, etag = '"1"'): ListServer['answer'] {
  return ({ headers }, response) => {
    if (headers['if-none-match'] === etag) response.writeHead(304).end();
    else response.writeHead(200, { etag, 'content-type': 'text/plain' }).end(text);
  };
}
