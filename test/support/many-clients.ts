import type { SocketAddress } from '../../src/base/address.ts';
import { UdpClient } from './dns-clients.ts';

/** So many that the kernel, which deals out by the client's port, leaves no worker out. */
export const clientsCount = 24;

/** The answers to one query from many ports at the same time. */
export async function askFromMany(
  { address }: { readonly address: SocketAddress },
  query: Buffer,
): Promise<Buffer[]> {
  const clients = Array.from({ length: clientsCount }, () => new UdpClient(address));
  const answers = await Promise.all(clients.map((client) => client.ask(query)));
  await Promise.all(clients.map((client) => client.close()));
  return answers;
}
