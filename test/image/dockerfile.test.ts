import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { fetchedMs, hadolint } from '../kubernetes/fetched-programs.ts';
import { projectRoot } from '../support/source-files.ts';
import { TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

const text = readFileSync(join(projectRoot, 'Dockerfile'), 'utf8');
const packageJson = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
};

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The instructions, with continued lines put together. */
const instructions: readonly Instruction[] = text
  .replaceAll(/^\s*#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [name = '', ...rest] = line.split(' ');
    return { name, rest: rest.join(' ') };
  });

/** The instructions of a stage. */
function stage(name: string): readonly Instruction[] {
  const from = instructions.findIndex(
    (one) => one.name === 'FROM' && one.rest.endsWith(` AS ${name}`),
  );
  const after = instructions.findIndex((one, at) => at > from && one.name === 'FROM');
  return instructions.slice(from, after === -1 ? undefined : after);
}

function inStage(name: string, instruction: string): string[] {
  return stage(name)
    .filter((one) => one.name === instruction)
    .map(({ rest }) => rest);
}

const final = ['heimdall', 'member'];

describe('the Dockerfile', () => {
  let linter = '';
  beforeAll(() => {
    linter = hadolint();
  }, fetchedMs);

  function complaints(file: string): string {
    return spawnSync(linter, ['--no-color', file], { encoding: 'utf8' }).stdout;
  }

  test('has nothing that hadolint finds fault with', () => {
    expect(complaints(join(projectRoot, 'Dockerfile'))).toBe('');
  });

  test('would be found fault with if it took a base without a tag or used sudo', () => {
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-dockerfile-'));
    const file = join(folder, 'Dockerfile');
    writeFileSync(file, 'FROM debian\nRUN sudo apt-get install curl\n');
    expect(complaints(file)).toMatch(/DL3006[\s\S]*DL3004/);
    rmSync(folder, { recursive: true });
  });

  test('pins every base by an exact version or a digest', () => {
    const images = [...text.matchAll(/^ARG \w+_IMAGE=(\S+)$/gm)].map(([, image = '']) => image);
    expect(images).toHaveLength(4);
    for (const image of images)
      expect(image).toMatch(/^docker\.io\/library\/\w.*(:\d+\.\d+|@sha256:)/);
    const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest);
    expect(bases.filter((base) => !/^\$\{\w+_IMAGE\} AS /.test(base))).toEqual([]);
  });

  test('runs the Node.js that package.json pins, and is of its version', () => {
    const wanted = packageJson.devDependencies['node']?.replace('^', '') ?? '';
    expect(text).toContain(`NODE_IMAGE=docker.io/library/node:${wanted}-`);
    for (const name of final) {
      expect(inStage(name, 'ARG')).toContain(`VERSION=${packageJson.version}`);
    }
  });

  test('copies only files that are there and that .dockerignore lets in', () => {
    const ignore = readFileSync(join(projectRoot, '.dockerignore'), 'utf8').split('\n');
    const sources = instructions
      .filter(({ name, rest }) => name === 'COPY' && !rest.includes('--from='))
      .flatMap(({ rest }) => rest.split(' ').filter((part) => !part.startsWith('--')))
      .filter((part) => !part.startsWith('.'));
    const copied = sources.filter((source) => existsSync(join(projectRoot, source)));
    expect([...new Set(sources)].filter((source) => !copied.includes(source))).toEqual([]);
    for (const source of copied) expect(ignore).toContain(`!${source.split('/')[0] ?? ''}`);
  });

  test('adds nothing from the network but by npm and Maven', () => {
    expect(instructions.filter(({ name }) => name === 'ADD')).toEqual([]);
    expect(text).not.toMatch(/\b(?:curl|wget|apt-get)\b/);
  });

  test.each(final)('%s runs as a user who is not root, by number', (name) => {
    expect(inStage(name, 'USER')).toEqual(['10001:10001']);
  });

  test.each(final)(
    '%s starts its program without a shell between, and tells its health',
    (name) => {
      expect(inStage(name, 'ENTRYPOINT').join()).toMatch(/^\[".*"\]$/);
      expect(inStage(name, 'HEALTHCHECK')).toHaveLength(1);
      expect(inStage(name, 'LABEL').join()).toMatch(
        /image\.title=.*image\.licenses=.*image\.version=/,
      );
    },
  );

  test('asks Heimdall itself whether it is healthy, and opens its three ports', () => {
    expect(inStage('heimdall', 'HEALTHCHECK').join()).toContain('"dist/main.js", "healthcheck"');
    expect(inStage('heimdall', 'EXPOSE')).toEqual(['1053/udp 1053/tcp 8080/tcp']);
  });

  test('has the packages of production alone in the image that runs', () => {
    expect(text).toContain('npm ci --omit=dev');
    expect(inStage('heimdall', 'COPY').filter((copy) => copy.includes('node_modules'))).toEqual([
      '--from=production /build/node_modules node_modules',
    ]);
  });
});

describe('the keeper of a member in the pod of a resolver', () => {
  /** A keeper beside a member that is a shell script. */
  function keeper(member: string): { process: TestProcess; folder: string } {
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-keeper-'));
    const source = readFileSync(join(projectRoot, 'hazelcast/keep-member.sh'), 'utf8');
    writeFileSync(join(folder, 'keep.sh'), source.replace('pause_seconds=5', 'pause_seconds=0.05'));
    writeFileSync(join(folder, 'member.sh'), `#!/bin/sh\n${member}\n`);
    for (const file of ['keep.sh', 'member.sh']) chmodSync(join(folder, file), 0o755);
    return { process: new TestProcess(join(folder, 'keep.sh'), [], process.env), folder };
  }

  test('starts a member again that ended by itself', async () => {
    const { process: kept, folder } = keeper('echo started >> "$(dirname "$0")/log"; exit 3');
    const log = join(folder, 'log');
    await waitFor(
      'three starts',
      () => existsSync(log) && execFileSync('wc', ['-l', log]).toString().startsWith('3'),
    );
    kept.signal('SIGTERM');
    expect((await kept.finished()).code).toBe(0);
    rmSync(folder, { recursive: true });
  });

  test('lets a member hand its data over before it ends itself', async () => {
    const { process: kept, folder } = keeper(
      'trap "sleep 0.3; echo handed over; exit 0" TERM; echo up >&2; while :; do sleep 0.05; done',
    );
    await waitFor('the member', () => kept.stderr.includes('up'));
    kept.signal('SIGTERM');
    expect(await kept.finished()).toMatchObject({ code: 0, stdout: 'handed over\n' });
    rmSync(folder, { recursive: true });
  });
});
