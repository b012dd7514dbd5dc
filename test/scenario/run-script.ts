import { lowerName, parseName } from '../../src/dns/name.ts';
import type { Asked } from './asking-client.ts';
import { describeAsked, differences } from './compare-response.ts';
import { parseScript } from './parse-script.ts';
import { ScriptError } from './script-error.ts';
import { ScriptedWorld } from './scripted-world.ts';
import type { Statement, StatementOf } from './statements.ts';
import { isProbe } from './upstream-actor.ts';

/** Longer than any query may take: its budget is 60 s at most. */
const waitMsMax = 120_000;
/** How finely `wait` looks for what it waits for. */
const waitStepMs = 1;
/** Queries named when there are more or fewer than expected. */
const listedMax = 10;

/**
 * Plays a script, statement by statement.
 * @throws {ScriptError} where something does not come as the script expects
 */
export async function runScript(file: string, text: string): Promise<void> {
  const statements = parseScript(file, text);
  const [first] = statements;
  const world = locate(
    first ?? { file, line: 1 },
    () => new ScriptedWorld(first?.kind === 'config' ? first.yaml : ''),
  );
  const run = new ScriptRun(world);
  await world.resolver.upstreams.start();
  for (const statement of first?.kind === 'config' ? statements.slice(1) : statements) {
    await run.play(statement);
  }
  await run.end(statements.at(-1) ?? { file, line: 1 });
}

/** Whatever is thrown on behalf of a statement names its place. */
function locate<T>(at: { file: string; line: number }, task: () => T): T {
  try {
    return task();
  } catch (error) {
    throw located(at, error);
  }
}

function located(at: { file: string; line: number }, error: unknown): ScriptError {
  if (error instanceof ScriptError) return error;
  return new ScriptError(at.file, at.line, error instanceof Error ? error.message : String(error));
}

class ScriptRun {
  readonly #world: ScriptedWorld;
  readonly #asked: Asked[] = [];
  readonly #labelled = new Map<string, Asked>();

  constructor(world: ScriptedWorld) {
    this.#world = world;
  }

  async play(statement: Statement): Promise<void> {
    try {
      await this.#play(statement);
      const [problem] = this.#world.client.problems;
      if (problem !== undefined) this.#fail(statement, `a response has ${problem}`);
      const [unexpected] = this.#world.unexpected;
      if (unexpected !== undefined)
        this.#fail(statement, `${unexpected}, which no line provides for`);
    } catch (error) {
      throw located(statement, error);
    }
  }

  /** Stops the resolver: nothing may stay behind. */
  async end(at: { file: string; line: number }): Promise<void> {
    const { clock, resolver, transport } = this.#world;
    resolver.upstreams.stop();
    await clock.settle();
    const left = [
      transport.exchangesOpen > 0 && `${String(transport.exchangesOpen)} exchanges`,
      clock.timersPending > 0 && `${String(clock.timersPending)} timers`,
      resolver.responder.inFlight > 0 && `${String(resolver.responder.inFlight)} queries`,
    ].filter((what) => what !== false);
    if (left.length > 0) this.#fail(at, `left behind after the end: ${left.join(', ')}`);
  }

  #fail(at: { file: string; line: number }, message: string): never {
    throw new ScriptError(at.file, at.line, message);
  }

  async #play(statement: Statement): Promise<void> {
    const world = this.#world;
    switch (statement.kind) {
      case 'config':
        return world.reconfigure(statement.yaml);
      case 'upstream-answers':
        return world.actor(statement.server).learn(statement.rule);
      case 'upstream-fails':
        world.actor(statement.server).failure = statement.failure;
        return;
      case 'upstream-recovers':
        world.actor(statement.server).failure = undefined;
        return;
      case 'upstream-delays':
        world.actor(statement.server).delayMs = statement.delayMs;
        return;
      case 'ask':
        return this.#ask(statement);
      case 'pass':
        return world.clock.advance(statement.ms);
      case 'wait':
        return this.#wait(statement);
      case 'flush':
        return this.#flush(statement);
      default:
        this.#expect(statement);
    }
  }

  #expect(statement: Extract<Statement, { kind: `expect-${string}` }>): void {
    switch (statement.kind) {
      case 'expect-response':
        return this.#expectResponse(statement);
      case 'expect-nothing':
        return this.#expectNothing(statement);
      case 'expect-count':
        return this.#expectCount(statement);
      case 'expect-state': {
        const state = this.#world.stateOf(statement.server) ?? 'not in use';
        if (state !== statement.state) this.#fail(statement, `${statement.server} is ${state}`);
      }
    }
  }

  async #ask({ question, label, times }: StatementOf<'ask'>): Promise<void> {
    for (let left = times; left > 0; left--) {
      const asked = this.#world.client.ask(question);
      this.#asked.push(asked);
      if (label !== undefined) this.#labelled.set(label, asked);
      await this.#world.clock.advance(0);
    }
  }

  async #wait(statement: Statement): Promise<void> {
    const isWaiting = (): boolean => this.#asked.some(({ result }) => result.kind === 'waiting');
    for (let passedMs = 0; isWaiting(); passedMs += waitStepMs) {
      if (passedMs > waitMsMax) this.#fail(statement, 'there is a question that is never answered');
      await this.#world.clock.advance(waitStepMs);
    }
  }

  #flush({ what, name }: StatementOf<'flush'>): void {
    const wire = lowerName(parseName(name ?? '.'));
    const { resolver } = this.#world;
    if (what === 'name') resolver.flush({ kind: 'name', name: wire });
    else if (what === 'suffix') resolver.flush({ kind: 'suffix', suffix: wire });
    else resolver.flush({ kind: 'all' });
  }

  #askedAs(statement: StatementOf<'expect-response' | 'expect-nothing'>): Asked {
    const { label } = statement;
    const asked = label === undefined ? this.#asked.at(-1) : this.#labelled.get(label);
    return asked ?? this.#fail(statement, `nothing was asked as "${label ?? ''}"`);
  }

  #expectResponse(statement: StatementOf<'expect-response'>): void {
    const asked = this.#askedAs(statement);
    const { result } = asked;
    const found =
      result.kind === 'response'
        ? differences({ ...asked, result }, statement.expected)
        : [`there is no response`];
    if (found.length > 0) {
      this.#fail(statement, `${found.join('; ')}\n  came: ${describeAsked(asked)}`);
    }
  }

  #expectNothing(statement: StatementOf<'expect-nothing'>): void {
    const asked = this.#askedAs(statement);
    if (asked.result.kind === 'response') {
      this.#fail(statement, `there is a response\n  came: ${describeAsked(asked)}`);
    }
  }

  #expectCount(statement: StatementOf<'expect-count'>): void {
    const { server, what, times, name, type, transport } = statement.expected;
    const sent = this.#world
      .sentTo(server)
      .filter((query) => isProbe(query) === (what === 'probed'))
      .filter((query) => name === undefined || query.name.toLowerCase() === name)
      .filter((query) => type === undefined || query.type === type)
      .filter((query) => transport === undefined || query.transport === transport);
    if (sent.length === times) return;
    const list = sent.slice(0, listedMax).map((query) => {
      const { atMs, server: to } = query;
      return `${String(atMs)}ms ${to} ${query.name} ${query.type}`;
    });
    this.#fail(statement, [`${what} ${String(sent.length)} times:`, ...list].join('\n    '));
  }
}
