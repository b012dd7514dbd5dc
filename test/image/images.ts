import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/source-files.ts';
import { imageHome, inside, run, standIns } from './stand-in-bases.ts';

const archives = join(imageHome, 'archives');

export type Target = 'heimdall' | 'member';

/** What an image says of how its program is started. */
export interface ImageConfig {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[] | null;
  readonly WorkingDir: string;
  readonly Env: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
}

/** What images are made of: the same contents, the same images. */
const ingredients = [
  ...['Dockerfile', '.dockerignore', 'package.json', 'package-lock.json'],
  ...['tsconfig.json', 'tsconfig.build.json', 'src', 'hazelcast'],
];

const isolation = [
  ...['--isolation', 'chroot', '--network', 'host'],
  ...['--pull-never', '--format', 'docker', '--layers=false'],
];

/**
 * Builds the images of the Dockerfile with buildah, in a root file system of its own, on bases that
 * stand in for the true ones; of what is committed, not of what only lies about. Needs root.
 */
export class Images {
  /** The commit that is built: the last one, unless HEIMDALL_REVISION names another. */
  readonly revision = git('rev-parse', process.env['HEIMDALL_REVISION'] ?? 'HEAD');
  readonly #bases = standIns();
  readonly #context = join(imageHome, 'context');
  #isPrepared = false;

  /** Builds a target. */
  build(target: Target): void {
    this.#prepare();
    const named = ['--build-arg', `REVISION=${this.revision}`, '--target', target, '-t', target];
    this.#buildah(['bud', ...isolation, ...named, '/project']);
  }

  /** The root file system of an image that was built: a folder of this machine. */
  rootOf(target: Target): string {
    const mounted = this.#buildah(['mount', this.#buildah(['from', '--pull-never', target])]);
    return join(this.#bases.builder, mounted);
  }

  configOf(target: Target): ImageConfig {
    const { Docker } = JSON.parse(this.#buildah(['inspect', '--type', 'image', target])) as {
      readonly Docker: { readonly config: ImageConfig };
    };
    return Docker.config;
  }

  /** Drops what was built; the bases stay. Each container would keep a copy of its base. */
  drop(...targets: readonly Target[]): void {
    this.#buildah(['rm', '--all']);
    this.#buildah(['rmi', '--force', ...targets]);
  }

  /**
   * An archive of the image, as container engines import it; kept by the contents that it is made of.
   * @param name what the image is called, with its tag
   */
  archive(target: Target, name: string): string {
    const contents = ingredients.map((path) => git('rev-parse', `${this.revision}:${path}`));
    const key = createHash('sha256')
      .update([name, ...contents].join())
      .digest('hex');
    return this.#keptArchive(`${target}-${key.slice(0, 16)}.tar`, (file) => {
      this.build(target);
      this.#buildah(['push', '--quiet', target, `docker-archive:${file}:${name}`]);
      this.drop(target);
      removeArchives(`${target}-`); // of other contents; each is half a gigabyte
    });
  }

  /** An archive of an image with one program in it, and nothing else. */
  archiveOfProgram(program: string, name: string): string {
    return this.#keptArchive(`${name.replaceAll(/[/:]/g, '-')}.tar`, (file) => {
      mkdirSync(join(imageHome, 'program'), { recursive: true });
      run('cp', [program, join(imageHome, 'program/program')]);
      const container = this.#buildah(['from', 'scratch']);
      this.#buildah(['copy', '--quiet', container, '/bases/program/program', '/program']);
      this.#buildah(['config', '--entrypoint', '["/program"]', container]);
      this.#buildah(['commit', '--quiet', '--rm', container, name]);
      this.#buildah(['push', '--quiet', name, `docker-archive:${file}:${name}`]);
    });
  }

  #keptArchive(file: string, make: (file: string) => void): string {
    mkdirSync(archives, { recursive: true });
    if (!existsSync(join(archives, file))) {
      rmSync(join(archives, 'new'), { force: true });
      make('/bases/archives/new');
      renameSync(join(archives, 'new'), join(archives, file));
    }
    return join(archives, file);
  }

  #prepare(): void {
    if (this.#isPrepared) return;
    rmSync(this.#context, { recursive: true, force: true });
    mkdirSync(this.#context, { recursive: true });
    const unpacked = `git archive ${this.revision} | tar -x -C '${this.#context}'`;
    run('sh', ['-c', unpacked], { cwd: projectRoot });
    this.#importBase(
      'NODE_IMAGE',
      'node',
      'NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt',
    );
    this.#importBase('DEBIAN_IMAGE', 'debian');
    this.#importBase('MAVEN_IMAGE', 'java');
    this.#importBase('JAVA_IMAGE', 'java');
    this.#isPrepared = true;
  }

  /** Makes an image of a root file system, under the name that the Dockerfile has. */
  #importBase(argument: string, folder: string, variable?: string): void {
    const dockerfile = readFileSync(join(this.#context, 'Dockerfile'), 'utf8');
    const [, name = ''] = new RegExp(`^ARG ${argument}=(\\S+)$`, 'm').exec(dockerfile) ?? [];
    const known = this.#buildah(['images', '--format', '{{.Name}}:{{.Tag}}']).split('\n');
    if (known.includes(name)) return;
    const container = this.#buildah(['from', 'scratch']);
    this.#buildah(['add', '--quiet', container, `/bases/${folder}`, '/']);
    if (variable !== undefined) this.#buildah(['config', '--env', variable, container]);
    this.#buildah(['commit', '--quiet', '--rm', container, name]);
  }

  #buildah(argv: readonly string[]): string {
    return inside(this.#bases.builder, ['buildah', '--storage-driver', 'vfs', ...argv], {
      '/project': this.#context,
      '/bases': imageHome,
    }).trim();
  }
}

function removeArchives(beginning: string): void {
  const found = readdirSync(archives).filter((file) => file.startsWith(beginning));
  for (const file of found) rmSync(join(archives, file));
}

function git(...argv: readonly string[]): string {
  return execFileSync('git', argv, { cwd: projectRoot, encoding: 'utf8' }).trim();
}
