import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const cgroupRoot = '/sys/fs/cgroup';
/** Where containerd puts containers that nobody has another place for. */
const cgroupParent = 'k8s.io';

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

/**
 * Runs a program in namespaces of its own for processes, mounts and network. Whatever it started is
 * ended by the kernel with it, and its mounts and interfaces go with the last process, also when this
 * process is interrupted. Needs root.
 *
 * @param program is given a folder, which is gone after it, as its last argument
 * @returns its exit code
 */
export async function runSealed(program: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-node-'));
  const cgroupsBefore = new Set(cgroups());
  const child = spawn(
    'unshare',
    [
      ...['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'],
      ...['sh', '-c', preparation, basename(process.argv[1] ?? '')],
      ...[...program, folder],
    ],
    { stdio: 'inherit', env: { ...process.env, TMPDIR: folder } },
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
    // Interrupted, the kernel is still ending who had files open there.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
    const left = cgroups().filter((cgroup) => !cgroupsBefore.has(cgroup));
    for (const cgroup of left) spawnSync('find', [cgroup, '-depth', '-type', 'd', '-delete']);
  }
}

/** Those of containers, in every hierarchy: they are empty after a run, and stay until removed. */
function cgroups(): string[] {
  const parents = ['', ...readdirSync(cgroupRoot)].map((name) =>
    join(cgroupRoot, name, cgroupParent),
  );
  return parents
    .filter((parent) => existsSync(parent))
    .flatMap((parent) => [
      ...readdirSync(parent, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(parent, name)),
      parent,
    ]);
}
