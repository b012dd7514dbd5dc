/**
 * `npm run test:image`: builds both images of the Dockerfile on bases that stand in for the true ones,
 * and starts what is in them as Kubernetes would: not root, nothing writable but /tmp. Needs root, prints
 * a log in Markdown, ends with 1 when something failed. The first run makes the bases (two minutes).
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { Checks, comesTrue } from '../kubernetes/checks.ts';
import { freePort, freePorts } from '../support/free-ports.ts';
import { installed, run as execute } from '../support/processes.ts';
import { Images } from './images.ts';
import type { ImageConfig, Target } from './images.ts';
import { run } from './stand-in-bases.ts';

const user = '10001:10001';
const checks = new Checks();
const images = new Images();

/** Builds a target, and gives its root file system. */
function build(target: Target): string {
  const startedAtMs = performance.now();
  images.build(target);
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
  const root = images.rootOf(target);
  const own = target === 'heimdall' ? 'app' : 'opt';
  const size = run('du', ['-sm', join(root, own)]).split('\t')[0] ?? '';
  checks.that(`--target ${target} is built`, true, `${seconds} s, ${size} MB beside its base`);
  return root;
}

/** A program in a space of its own, in which it is process 1, as in a container. */
class Contained {
  readonly #child: ChildProcess;
  #stderr = '';

  /** Starts it as the image says, but that its root is read-only; /tmp is in memory. */
  constructor(root: string, image: ImageConfig, program: readonly string[]) {
    const script = [
      `mount --bind '${root}' '${root}'`,
      `mount -o remount,bind,ro '${root}'`,
      `mount -t tmpfs tmpfs '${root}/tmp'`,
      `mount -t proc proc '${root}/proc'`,
      `mount --rbind /dev '${root}/dev'`,
      `exec chroot --userspec=${user} '${root}' "$@"`,
    ].join(' && ');
    const env = ['env', '-i', '-C', image.WorkingDir, ...image.Env, 'HOME=/tmp'];
    const space = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script, 'sh'];
    this.#child = spawn('unshare', [...space, ...env, ...program], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Tells process 1 to end. */
  terminate(): void {
    run('pkill', ['-TERM', '-P', String(this.#child.pid)]);
  }

  /** Its exit code; undefined when it has not ended after 20 s, and was killed. */
  async ended(): Promise<number | undefined> {
    const hasEnded = await comesTrue(() => this.#child.exitCode !== null, 20_000);
    if (!hasEnded) this.#child.kill('SIGKILL');
    return this.#child.exitCode ?? undefined;
  }
}

function checkConfig(target: Target): ImageConfig {
  const config = images.configOf(target);
  checks.that('not root', config.User === user, config.User);
  const title = config.Labels['org.opencontainers.image.title'] ?? '';
  checks.that('labels', title.startsWith('heimdall'), title);
  return config;
}

async function checkResolver(): Promise<void> {
  checks.title('The resolver');
  const root = build('heimdall');
  const config = checkConfig('heimdall');
  const dev = ['typescript', 'jest', 'oxlint'].filter((name) => hasPackage(root, name));
  checks.that('no package of development is in it', dev.length === 0, dev.join());
  const [http, dns] = [await freePort(), await freePort()];
  const argv = [...config.Entrypoint, ...(config.Cmd ?? [])];
  const options = ['--listen', `127.0.0.1:${String(dns)}`, '--http', `127.0.0.1:${String(http)}`];
  const program = new Contained(root, config, [...argv, ...options, '--upstream', '127.0.0.1:9']);
  const isReady = await comesTrue(
    () =>
      fetch(`http://127.0.0.1:${String(http)}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    20_000,
  );
  checks.that(
    'ready as user 10001 with a root that cannot be written',
    isReady,
    isReady ? '' : program.stderr,
  );
  const dig = ['@127.0.0.1', '-p', String(dns), '+short', 'localhost', 'A'];
  const answer = (await execute(installed('dig', 'bind9-dnsutils'), dig)).stdout.trim();
  checks.that('it answers', answer === '127.0.0.1', answer);
  const health = new Contained(root, config, [
    ...config.Entrypoint,
    'healthcheck',
    '--api',
    `http://127.0.0.1:${String(http)}`,
  ]);
  const code = await health.ended();
  checks.that('its HEALTHCHECK finds it well', code === 0, `code ${String(code)}`);
  const transport = await (await fetch(`http://127.0.0.1:${String(http)}/metrics`)).text();
  checks.that(
    'UDP is taken in batches: koffi is in the image',
    transport.includes('udp_transport="batched"'),
  );
  await checkEnd(program, 0);
}

function hasPackage(root: string, name: string): boolean {
  return run('sh', ['-c', `test -e '${root}/app/node_modules/${name}' && echo yes || true`]) !== '';
}

async function checkMember(): Promise<void> {
  checks.title('The member');
  const root = build('member');
  const config = checkConfig('member');
  const [client = 0, member = 0, rest = 0, jmx = 0] = await freePorts(4);
  const env = [
    `HEIMDALL_MEMBER_PORT=${String(client)}`,
    `HEIMDALL_MEMBER_MEMBER_PORT=${String(member)}`,
    `HEIMDALL_MEMBER_MEMBERS=127.0.0.1:${String(member)}`,
    `HEIMDALL_MEMBER_REST_PORT=${String(rest)}`,
    `HEIMDALL_MEMBER_JMX_PORT=${String(jmx)}`,
  ];
  const image = { ...config, Env: [...config.Env, ...env] };
  for (const entry of [config.Entrypoint, ['./keep-member.sh']]) {
    const program = new Contained(root, image, entry);
    const url = `http://127.0.0.1:${String(rest)}/hazelcast/health/ready`;
    const isReady = await comesTrue(
      () =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        ),
      60_000,
    );
    checks.that(
      `${entry.join(' ')}: ready with a root that cannot be written`,
      isReady,
      isReady ? '' : program.stderr,
    );
    // Collected every 5 s, and for the first time then.
    const isTold = await comesTrue(async () => {
      const page = await fetch(`http://127.0.0.1:${String(jmx)}/metrics`).then((one) => one.text());
      return page.includes('hazelcast_cluster_members 1.0');
    }, 20_000);
    checks.that('metrics for Prometheus', isTold);
    await checkEnd(program, entry === config.Entrypoint ? 143 : 0);
  }
}

async function checkEnd(program: Contained, wanted: number): Promise<void> {
  program.terminate();
  const code = await program.ended();
  const found = `code ${String(code)}${code === wanted ? '' : program.stderr}`;
  checks.that('as process 1 it ends in order on SIGTERM', code === wanted, found);
}

await checkResolver();
await checkMember();
images.drop('heimdall', 'member');
checks.finish();
process.exitCode = checks.failed === 0 ? 0 : 1;
