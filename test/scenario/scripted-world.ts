import { parse as parseYaml } from 'yaml';
import { Resolver } from '../../src/assembly/resolver.ts';
import { standalone } from '../../src/assembly/standalone.ts';
import { chooseUpstreams } from '../../src/assembly/upstream-options.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { Config } from '../../src/config/schema.ts';
import type { UpstreamOptions } from '../../src/upstream/options.ts';
import { SilentLog } from '../../src/telemetry/log.ts';
import { ScriptedTransport } from '../support/scripted-transport.ts';
import type { SentQuery } from '../support/scripted-transport.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { AskingClient } from './asking-client.ts';
import { UpstreamActor } from './upstream-actor.ts';

/** The seed of a scenario's randomness; any would do, and the same one repeats a run. */
const seed = 20_261_123;
/** The port that upstreams have where the script gives none. */
const dnsPort = 53;
/** No machine around: nothing leads back to the resolver, and the system knows no upstream. */
const nowhere = { resolvConf: () => '', interfaceAddresses: () => [] };

/** A whole resolver on virtual time, its upstreams as actors, and a client. */
export class ScriptedWorld {
  readonly clock = new VirtualClock();
  readonly transport = new ScriptedTransport(this.clock);
  readonly resolver: Resolver;
  readonly client: AskingClient;
  /** What upstreams were asked though the script says nothing of it. */
  readonly unexpected: string[] = [];
  readonly #actors = new Map<string, UpstreamActor>();

  constructor(yaml: string) {
    const { config, options } = readConfig(yaml);
    this.resolver = new Resolver(config, options, {
      clock: this.clock,
      random: new SeededRandom(seed),
      log: new SilentLog(),
      coordination: standalone(),
      transport: this.transport,
    });
    this.client = new AskingClient(this.resolver, this.clock);
    for (const server of this.resolver.upstreams.servers) this.actor(server);
  }

  /** Takes over another configuration, as a reload does. */
  async reconfigure(yaml: string): Promise<void> {
    const { config, options } = readConfig(yaml);
    await this.resolver.reconfigure(config, options);
    for (const server of this.resolver.upstreams.servers) this.actor(server);
  }

  /** The upstream at an address, with or without its port. */
  actor(server: string): UpstreamActor {
    const text = withPort(server);
    const known = this.#actors.get(text);
    if (known !== undefined) return known;
    const actor = new UpstreamActor(text, (what) => this.unexpected.push(what));
    this.#actors.set(text, actor);
    this.transport.scripts.set(text, (query) => actor.reply(query));
    return actor;
  }

  /** What was sent to an upstream, or to all. */
  sentTo(server: string | undefined): SentQuery[] {
    const text = server === undefined ? undefined : withPort(server);
    return this.transport.sent.filter(
      (query) => text === undefined || query.server.replace('tcp://', '') === text,
    );
  }

  stateOf(server: string): string | undefined {
    const text = withPort(server);
    return this.resolver.upstreams.status().find((one) => one.server === text)?.state;
  }
}

export function withPort(server: string): string {
  const plain = server.replace(/^tcp:\/\//, '');
  return /^[^:]*$/.test(plain) ? `${plain}:${String(dnsPort)}` : plain;
}

/** As `serve` reads it, but for one upstream by default and no look for loops at the start. */
function readConfig(yaml: string): { config: Config; options: UpstreamOptions } {
  const given = (parseYaml(yaml) ?? {}) as { readonly upstream?: object };
  const upstream = { servers: ['192.0.2.53'], loopDetection: false, ...given.upstream };
  const config = configSchema.parse({ ...given, upstream });
  return { config, options: chooseUpstreams(config, nowhere).options };
}
