import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { cacheHome } from '../kubernetes/fetched-programs.ts';

/** Root file systems are kept here between runs. */
export const imageHome = join(cacheHome, 'image');

const suite = 'bookworm';
const mirror = 'http://deb.debian.org/debian';
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** Root file systems, by what they stand in for; made with debootstrap once for a machine. */
export interface StandIns {
  /** Has buildah in it: nothing is installed on the machine itself. */
  readonly builder: string;
  /** For the image of Debian. */
  readonly debian: string;
  /** For the image of Node.js: the Node.js and npm of this machine. */
  readonly node: string;
  /** For those of Maven and of a Java runtime. */
  readonly java: string;
}

/** No registry of images can be reached here, so the bases are made from packages. Needs root. */
export function standIns(): StandIns {
  mkdirSync(imageHome, { recursive: true });
  const debian = made('debian', bootstrap);
  const from = (name: string, change: (target: string) => void): string =>
    made(name, (target) => {
      run('cp', ['-a', debian, target]);
      change(target);
    });
  return {
    debian,
    builder: from('builder', (target) => install(target, ['buildah', 'crun'])),
    java: from('java', (target) => {
      install(target, ['openjdk-17-jre-headless', 'maven']);
      const store = '/etc/ssl/certs/java/cacerts';
      if (existsSync(store)) cpSync(store, join(target, store));
    }),
    node: from('node', (target) => {
      const local = join(target, 'usr/local');
      cpSync(process.execPath, join(local, 'bin/node'));
      const npm = resolve(execFileSync('npm', ['root', '-g'], { encoding: 'utf8' }).trim(), 'npm');
      cpSync(npm, join(local, 'lib/node_modules/npm'), { recursive: true });
      run('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm')]);
    }),
  };
}

function made(name: string, make: (target: string) => void): string {
  const folder = join(imageHome, name);
  if (existsSync(folder)) return folder;
  const target = `${folder}.new`;
  rmSync(target, { recursive: true, force: true });
  make(target);
  renameSync(target, folder);
  return folder;
}

function bootstrap(target: string): void {
  const tool = join(imageHome, 'debootstrap');
  if (!existsSync(tool)) {
    const packages = join(imageHome, 'packages');
    mkdirSync(packages, { recursive: true });
    run('apt-get', ['download', '-q', 'debootstrap'], { cwd: packages });
    const [file = ''] = readdirSync(packages);
    run('dpkg', ['-x', join(packages, file), tool]);
  }
  const script = join(tool, 'usr/sbin/debootstrap');
  const options = ['--variant=minbase', '--include=ca-certificates', suite, target, mirror];
  const env = { ...process.env, DEBOOTSTRAP_DIR: join(tool, 'usr/share/debootstrap') };
  run('sh', [script, ...options], { env });
  // What this machine trusts.
  if (existsSync(certificates)) cpSync(certificates, join(target, certificates));
}

function install(target: string, packages: readonly string[]): void {
  cpSync('/etc/resolv.conf', join(target, 'etc/resolv.conf'));
  const denied = join(target, 'usr/sbin/policy-rc.d');
  writeFileSync(denied, '#!/bin/sh\nexit 101\n', { mode: 0o755 }); // no server is started
  const options = ['install', '-y', '-q', '--no-install-recommends', ...packages];
  inside(target, ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...options]);
}

/** Runs a program in a root file system, with `/proc`, and with folders of this machine in it. */
export function inside(
  root: string,
  program: readonly string[],
  folders: Readonly<Record<string, string>> = {},
): string {
  const mounts = Object.entries(folders).map(([at, from]) => {
    mkdirSync(join(root, at), { recursive: true });
    return `mount --bind '${from}' '${join(root, at)}'`;
  });
  const script = [
    // Whoever unpacks a layer remounts its root, which must be a mount for that.
    `mount --bind '${root}' '${root}'`,
    `mount -t proc proc '${root}/proc'`,
    `mount --rbind /dev '${root}/dev'`,
    ...mounts,
    `exec chroot '${root}' "$@"`,
  ].join(' && ');
  return run('unshare', ['--mount', 'sh', '-c', script, 'sh', ...program]);
}

export function run(
  program: string,
  argv: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): string {
  return execFileSync(program, argv, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
}
