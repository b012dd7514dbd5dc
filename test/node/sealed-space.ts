import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const cgroupRoot = '/sys/fs/cgroup';

/**
 * What kubelet and containerd change of a machine they change in this space alone: what is running in
 * the system, what is installed, what was logged, and the kernel's settings, which kubelet sets.
 */
const preparation = `
set -e
mount --make-rshared /
for folder in /run /var/log /var/lib; do mount -t tmpfs tmpfs $folder; done
mkdir -p /run/settings
for setting in vm/overcommit_memory:1 vm/panic_on_oom:0 kernel/panic:10 kernel/panic_on_oops:1 \\
  kernel/keys/root_maxkeys:1000000 kernel/keys/root_maxbytes:25000000; do
  name=\${setting%%:*}
  [ -e /proc/sys/$name ] || continue
  file=/run/settings/$(basename $name)
  echo \${setting##*:} > $file
  mount --bind $file /proc/sys/$name
done
ip link set lo up
set +e
# No "exec": as process 1 the shell takes in whoever has lost his parent.
"$@"
exit $?
`;

/** Where a run keeps what it needs; both are gone after it. */
export interface Places {
  readonly folder: string;
  /** Below which cgroup containers are. */
  readonly cgroup: string;
}

/**
 * Runs a program in namespaces of its own for processes, mounts and network. Whatever it started is
 * ended by the kernel with it, and its mounts and interfaces go with the last process, also when this
 * process is interrupted. Needs root.
 *
 * @param program is given the two places as its last arguments
 * @returns its exit code
 */
export async function runSealed(program: readonly string[]): Promise<number> {
  const places: Places = {
    folder: mkdtempSync(join(tmpdir(), 'heimdall-node-')),
    cgroup: `/heimdall-node-${String(process.pid)}`,
  };
  const child = spawn(
    'unshare',
    [
      ...['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'],
      ...['sh', '-c', preparation, basename(process.argv[1] ?? '')],
      ...[...program, places.folder, places.cgroup],
    ],
    { stdio: 'inherit', env: { ...process.env, TMPDIR: places.folder } },
  );
  const end = (): void => void child.kill('SIGKILL');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end);
  process.once('exit', end);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
  } finally {
    rmSync(places.folder, { recursive: true, force: true });
    removeCgroups(places.cgroup);
  }
}

/** Empty by now, but they stay until somebody removes them. */
function removeCgroups(cgroup: string): void {
  for (const controller of readdirSync(cgroupRoot)) {
    const folder = join(cgroupRoot, controller, cgroup);
    try {
      execFileSync('find', [folder, '-depth', '-type', 'd', '-delete'], { stdio: 'ignore' });
    } catch {
      // this controller has none
    }
  }
}

/** The places that `runSealed` gave to the program that calls this. */
export function givenPlaces(): Places {
  const [folder = '', cgroup = ''] = process.argv.slice(-2);
  return { folder, cgroup };
}
