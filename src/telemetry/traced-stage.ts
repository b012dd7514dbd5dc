import { recordTypeName, responseCodeName } from '../dns/codes.ts';
import { formatName } from '../dns/name.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import { outcomeCode } from './query-log.ts';
import { spanKind } from './trace-span.ts';
import type { SpanEnd, Tracer } from './tracer.ts';

/** The stage that a trace begins with. */
const outermost = 'observe';

/** A stage whose time is a span: its own, and that of all below it. */
export class TracedStage implements Stage {
  readonly name: string;
  readonly #stage: Stage;
  readonly #tracer: Tracer;

  constructor(stage: Stage, tracer: Tracer) {
    this.name = stage.name;
    this.#stage = stage;
    this.#tracer = tracer;
  }

  handle(query: Query, next: Next): Promise<Outcome> {
    const task = (): Promise<Outcome> => this.#stage.handle(query, next);
    if (this.name !== outermost) {
      const span = { name: this.name, kind: spanKind.internal, attributes: {} };
      return this.#tracer.child(span, task, endOf);
    }
    const { question, transport, purpose } = query;
    if (purpose !== 'client') return task();
    const attributes = {
      'dns.question.name': formatName(question.name),
      'dns.question.type': recordTypeName(question.type),
      'network.transport': transport,
    };
    return this.#tracer.root({ name: 'query', kind: spanKind.server, attributes }, task, endOf);
  }
}

function endOf(outcome: Outcome): SpanEnd {
  if (outcome.kind === 'drop') return { attributes: { 'heimdall.dropped': outcome.reason } };
  const { layer, detail } = outcome;
  return {
    attributes: {
      'dns.response.code': responseCodeName(outcomeCode(outcome) ?? 0),
      'heimdall.layer': layer,
      ...(detail === undefined ? {} : { 'heimdall.detail': detail }),
    },
    isError: outcome.kind === 'failure',
  };
}
