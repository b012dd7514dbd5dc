import type { Client, Member } from 'hazelcast-client';

/**
 * What the client (5.7.0) does not offer publicly. Each is looked at before it is used, so that a
 * client that has changed is used without it.
 */
interface ConnectionManager {
  reconnectToMembers(): void;
}

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

/** The version of a member, `unknown` where the client does not keep it. */
export function memberVersion(member: Member): string {
  const { version } = member as { readonly version?: unknown };
  if (typeof version !== 'object' || version === null) return 'unknown';
  const { major, minor, patch } = version as Readonly<Record<string, unknown>>;
  return [major, minor, patch].every((part) => typeof part === 'number')
    ? [major, minor, patch].join('.')
    : 'unknown';
}
