import { ClientOfflineError, ConsistencyLostError } from 'hazelcast-client';
import type { Client, FencedLock, PNCounter, UUID } from 'hazelcast-client';
import { BoundedMap } from '../base/bounded-map.ts';
import { GridStateLost } from '../base/errors.ts';
import type {
  GridCounter,
  GridLock,
  GridMap,
  GridMember,
  GridSession,
  MapListener,
} from './grid.ts';
import { memberVersion } from './hazelcast-internals.ts';
import { HazelcastMap, registerListener } from './hazelcast-map.ts';

const unknownMember = 'unknown';
/** Fences given out and not given back; those of locks that were lost go. */
const fencesMax = 10_000;

interface Listening {
  readonly name: string;
  readonly withValue: boolean;
  readonly listener: MapListener;
}

/**
 * The one session of a replica, whichever client stands behind it: the client reconnects by itself,
 * and its maps, counters and listeners survive that. Should it give up for good, another client
 * takes its place and gets the listeners.
 */
export class HazelcastSession implements GridSession {
  readonly #listening: Listening[] = [];
  /** Those that the client of now has not been told of. */
  #unheard: Listening[] = [];
  #isCatchingUp = false;
  readonly #locks = new Map<string, GridLock>();
  #maps = new Map<string, HazelcastMap>();
  #client: Client | undefined;
  #memberIds = new WeakMap<UUID, string>();

  /** Uses another client from now on; its listeners follow by {@link listenAgain}. */
  adopt(client: Client | undefined): void {
    this.#client = client;
    this.#unheard = [...this.#listening];
    this.#maps = new Map();
    this.#locks.clear();
    this.#memberIds = new WeakMap();
  }

  /** Registers with a new client what was listened to before; to be called until it succeeds. */
  async listenAgain(): Promise<void> {
    if (this.#isCatchingUp) return; // a listener that is registered twice hears all twice
    this.#isCatchingUp = true;
    try {
      for (let next = this.#unheard[0]; next !== undefined; next = this.#unheard[0]) {
        const { name, withValue, listener } = next;
        await registerListener(await this.#connected().getMap(name), withValue, listener);
        this.#unheard = this.#unheard.filter((listening) => listening !== next);
      }
    } finally {
      this.#isCatchingUp = false;
    }
  }

  async map(name: string): Promise<GridMap> {
    const known = this.#maps.get(name);
    if (known !== undefined) return known;
    const proxy = await this.#connected().getMap<unknown, unknown>(name);
    const map = new HazelcastMap(proxy, (withValue, listener) =>
      this.#listen({ name, withValue, listener }),
    );
    this.#maps.set(name, map);
    return map;
  }

  async counter(name: string): Promise<GridCounter> {
    return counterOf(await this.#connected().getPNCounter(name)); // the client keeps it by its name
  }

  async lock(name: string): Promise<GridLock> {
    const known = this.#locks.get(name);
    if (known !== undefined) return known;
    const lock = lockOf(await this.#connected().getCPSubsystem().getLock(name));
    this.#locks.set(name, lock);
    return lock;
  }

  memberOf(key: string): string {
    const partitions = this.#client?.getPartitionService();
    if (partitions === undefined || partitions.getPartitionCount() === 0) return unknownMember;
    const owner = partitions.getPartitionOwner(partitions.getPartitionId(key)) as UUID | undefined;
    return owner === undefined ? unknownMember : this.#idOf(owner);
  }

  members(): readonly GridMember[] {
    const members = this.#client?.getCluster().getMembers() ?? [];
    return members.map((member) => ({
      id: member.uuid.toString(),
      address: member.address.toString(),
      version: memberVersion(member),
    }));
  }

  /** Text of a member's id: asked for with every call, and costly to make. */
  #idOf(owner: UUID): string {
    const known = this.#memberIds.get(owner);
    if (known !== undefined) return known;
    const id = owner.toString();
    this.#memberIds.set(owner, id);
    return id;
  }

  async #listen(listening: Listening): Promise<void> {
    const { name, withValue, listener } = listening;
    await registerListener(await this.#connected().getMap(name), withValue, listener);
    this.#listening.push(listening);
  }

  #connected(): Client {
    if (this.#client === undefined) throw new ClientOfflineError();
    return this.#client;
  }
}

function counterOf(counter: PNCounter): GridCounter {
  return {
    get: () => numberOf(counter.get()),
    add: (delta) => numberOf(counter.addAndGet(delta)),
    reset: () => counter.reset(),
    destroy: () => counter.destroy(),
  };
}

async function numberOf(value: ReturnType<PNCounter['get']>): Promise<number> {
  try {
    return (await value).toNumber();
  } catch (cause) {
    if (!(cause instanceof ConsistencyLostError)) throw cause;
    throw new GridStateLost('a counter was lost with its members', { cause });
  }
}

/** The client wants the very object back that it gave out as a fence. */
function lockOf(lock: FencedLock): GridLock {
  const fences = new BoundedMap<bigint, Awaited<ReturnType<FencedLock['lock']>>>(fencesMax);
  return {
    tryLock: async (waitMs) => {
      const fence = await lock.tryLock(waitMs);
      if (fence === undefined) return undefined;
      const number = BigInt(fence.toString());
      fences.set(number, fence);
      return number;
    },
    unlock: async (number) => {
      const fence = fences.get(number);
      if (fence === undefined) return; // no fence of this client: its lock is no longer ours
      fences.delete(number);
      await lock.unlock(fence);
    },
  };
}
