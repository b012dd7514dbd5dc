import type { Client, Member } from 'hazelcast-client';
import type { Clock } from '../base/clock.ts';

/**
 * What the client (5.7.0) does not offer publicly. Each is looked at before it is used, so that a
 * client that has changed is used without it.
 */
interface ConnectionManager {
  reconnectToMembers(): void;
}

interface ViewListener {
  tryRegisterToRandomConnection(oldConnection: unknown): void;
}

/** Before the view of the cluster is asked for again: the loop takes note of what broke meanwhile. */
const registerAgainMs = 20;

function hasMethod<Name extends string>(
  value: unknown,
  name: Name,
): value is Record<Name, (...given: unknown[]) => unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as Readonly<Record<string, unknown>>)[name] === 'function';
}

/**
 * Opens connections to members that have none. A client that was started asynchronously never does
 * so by itself: its one connection would carry all calls, and a frozen member behind it would hold
 * up those to healthy ones. Returns at once.
 * @returns whether this client can be told to
 */
export function connectToAllMembers(client: Client): boolean {
  if (!hasMethod(client, 'getConnectionManager')) return false;
  const manager: unknown = client.getConnectionManager();
  if (!hasMethod(manager, 'reconnectToMembers')) return false;
  (manager as ConnectionManager).reconnectToMembers();
  return true;
}

/**
 * Lets time pass between two attempts to hear of changes of the cluster. The client tries again in
 * the same turn of the event loop, on a connection whose write has failed and whose end can only be
 * noticed in a later turn: it would never come, and the process would fill its memory.
 * @returns whether this client can be told to
 */
export function pauseBetweenRegistrations(client: Client, clock: Clock): boolean {
  const { clusterViewListenerService: service } = client as unknown as Readonly<
    Record<string, unknown>
  >;
  if (!hasMethod(service, 'tryRegisterToRandomConnection')) return false;
  const listener = service as ViewListener;
  const registerAgain = listener.tryRegisterToRandomConnection.bind(listener);
  listener.tryRegisterToRandomConnection = (oldConnection) => {
    clock.setTimer(registerAgainMs, () => registerAgain(oldConnection));
  };
  return true;
}

/** The version of a member, `unknown` where the client does not keep it. */
export function memberVersion(member: Member): string {
  const { version } = member as { readonly version?: unknown };
  if (typeof version !== 'object' || version === null) return 'unknown';
  const { major, minor, patch } = version as Readonly<Record<string, unknown>>;
  return [major, minor, patch].every((part) => typeof part === 'number')
    ? [major, minor, patch].join('.')
    : 'unknown';
}
