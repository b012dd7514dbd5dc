import { describe, expect, test } from '@jest/globals';
import { run } from './recorded-io.ts';

const commands = [
  'serve',
  'query',
  'config check',
  'config show',
  'config schema',
  'cache get',
  'cache flush',
  'cache stats',
  'upstreams',
  'healthcheck',
];

describe('the command line', () => {
  test.each(commands)(
    '%s --help exits with 0 and shows an example of the command',
    async (name) => {
      const { code, stdout } = await run([...name.split(' '), '--help']);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`Examples:\\s+heimdall ${name}`));
    },
  );

  test.each(commands.filter((name) => name !== 'serve' && name !== 'config schema'))(
    '%s offers --json',
    async (name) => {
      const { stdout } = await run([...name.split(' '), '--help']);
      expect(stdout).toContain('--json');
    },
  );

  test('--version prints the version of the package', async () => {
    const { code, stdout } = await run(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    [[], 'which command'],
    [['serv'], 'Did you mean serve?'],
    [['cache'], 'get, flush and stats'],
    [['config'], 'check, show, schema and import'],
    [['query'], 'name to ask for is missing'],
    [['query', 'a..b'], 'empty label'],
    [['query', 'a', 'NOSUCH'], 'no record type'],
    [['query', 'a', '--server', 'x:y'], 'no port'],
    [['query', 'a', '--tls', '--https'], 'only one of'],
    [['query', 'a', '--timeout', '0'], '--timeout'],
    [['query', 'a', '--timeout', 'soon'], '--timeout'],
    [['query', '-x', 'example.com'], 'no IP address'],
    [['query', 'a', '--nonsense'], 'nonsense'],
    [['cache', 'flush'], 'one of --name, --suffix and --all'],
    [['cache', 'flush', '--all', '--name', 'a'], 'one of --name, --suffix and --all'],
    [['config', 'show', '--set', 'log.level'], 'PATH=VALUE'],
  ])('%j exits with 2 and says why', async (argv, reason) => {
    const { code, stdout, stderr } = await run(argv);
    expect(stderr).toContain(reason);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });
});

describe('config', () => {
  test('check exits with 3 and prints every problem', async () => {
    const argv = ['config', 'check', '--listen', 'nowhere', '--set', 'log.levl=debug'];
    const { code, stderr } = await run(argv);
    expect(code).toBe(3);
    expect(stderr).toContain('listen.addresses[0]');
    expect(stderr).toContain('did you mean log.level?');
  });

  test('check --json prints the problems as data', async () => {
    const { code, stdout } = await run(['config', 'check', '--json', '--http', 'x']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: false,
      problems: [{ source: 'command line', path: 'http.address' }],
    });
  });

  test('check of the defaults exits with 0 and prints warnings', async () => {
    const { code, stdout } = await run(['config', 'check'], { HEIMDALL_LOG_LEVLE: 'debug' });
    expect(code).toBe(0);
    expect(stdout).toContain('did you mean HEIMDALL_LOG_LEVEL?');
    expect(stdout).toContain('no problems');
  });

  test('show prints each value with its source and no secret', async () => {
    const { code, stdout } = await run(
      [
        'config',
        'show',
        '--upstream',
        '9.9.9.9',
        '--upstream',
        'tcp://1.1.1.1',
        '--log-level=warn',
      ],
      { HEIMDALL_HTTP_TOKEN: 'hush', HEIMDALL_CACHE_MAX_BYTES: '1MiB' },
    );
    expect(code).toBe(0);
    expect(stdout).toContain('servers: [ 9.9.9.9:53, tcp://1.1.1.1:53 ] # flag');
    expect(stdout).toContain('maxBytes: 1048576 # environment');
    expect(stdout).toContain('level: warn # flag');
    expect(stdout).toContain('graceMs: 10000 # default');
    expect(stdout).not.toContain('hush');
  });

  test('show --json prints the sources by path and no secret', async () => {
    const { stdout } = await run(['config', 'show', '--json'], { HEIMDALL_HTTP_TOKEN: 'hush' });
    expect(JSON.parse(stdout)).toMatchObject({
      file: null,
      config: { http: { token: '***' } },
      sources: { 'http.token': 'environment', 'cache.maxBytes': 'default' },
    });
    expect(stdout).not.toContain('hush');
  });
});
