import { type ConfigSource, loadConfig } from './config/load.ts';

/** Runs the resolver until it is told to stop; resolves to what the process exits with. */
export async function serve(source: ConfigSource): Promise<number> {
  loadConfig(source);
  return Promise.resolve(1); // the rooms are not put together yet
}
