import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { formatAddress } from '../../src/base/address.ts';
import { startReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Tells of each file that is loaded. */
const tellLoaded = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({ load(url, context, next) { console.error(url); return next(url, context); } });
`)}`;

function heimdall(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | string | null | undefined; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...argv], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

describe('the program', () => {
  test('query asks a real socket, prints the answer and exits with 0', async () => {
    const server = await ScriptedUpstream.start();
    const result = await heimdall(['query', 'example.com', '--server', server.text]);
    await server.stop();
    expect(result.stdout).toContain('192.0.2.1');
    expect(result).toMatchObject({ code: 0, stderr: '' });
  });

  test('serve with an invalid configuration exits with 3 and names the problem', async () => {
    const { code, stderr } = await heimdall(['serve', '--listen', 'nowhere']);
    expect(stderr).toContain('command line: listen.addresses[0]: found "nowhere"');
    expect(code).toBe(3);
  });

  test('config show reads the environment of the process', async () => {
    const env = { HEIMDALL_BIND_ADDR: '127.0.0.1:5399' };
    const { stdout } = await heimdall(['config', 'show'], env);
    expect(stdout).toContain('addresses: [ 127.0.0.1:5399 ] # environment');
  });

  test('top goes on from look to look, though nothing but time keeps it', async () => {
    const replica = await startReplica({ upstreams: ['127.0.0.1:9'] });
    const { httpAddress } = replica.replica;
    const api = `http://${httpAddress === undefined ? '' : formatAddress(httpAddress)}`;
    const argv = ['top', '--api', api, '--interval', '0.1', '--times', '3'];
    const { code, stdout } = await heimdall(argv);
    await replica.stop();
    expect(code).toBe(0);
    expect(stdout.match(/^QUERIES/gm)).toHaveLength(3);
  });

  test('an unknown command exits with 2', async () => {
    expect((await heimdall(['srve'])).code).toBe(2);
  });

  test('a probe, which runs again and again, loads nothing of what serves', async () => {
    const env = { NODE_OPTIONS: `--import=${tellLoaded}` };
    const { stderr } = await heimdall(['healthcheck', '--help'], env);
    expect(stderr).toContain('/src/cli/healthcheck.ts');
    expect(stderr).not.toMatch(/winston|zod|prom-client|src\/(app|assembly|listen)/);
  });
});
