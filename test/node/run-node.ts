/**
 * `npm run test:node`: the manifests on a real node, in pods that really run, of images built from the
 * Dockerfile. The first run builds the programs and the images (ten minutes on two cores); then it takes
 * about ten. Needs root, Go, Java, and the packages that docs/kubernetes.md names; prints a log in
 * Markdown, ends with 1 when something failed. HEIMDALL_OVERLAYS=grid takes one overlay alone.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Images } from '../image/images.ts';
import { kustomize } from '../kubernetes/fetched-programs.ts';
import {
  controlPlanePrograms,
  corednsPrograms,
  nodePrograms,
} from '../kubernetes/kubernetes-programs.ts';
import { pauseImage } from './real-node.ts';
import { runSealed } from './sealed-space.ts';

/** Does nothing until it is told to end: it holds the network of a pod. */
const pauseProgram = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGINT, syscall.SIGTERM)
	<-told
}
`;

function pauseArchive(images: Images): string {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-pause-'));
  try {
    writeFileSync(join(folder, 'pause.go'), pauseProgram);
    const env = { ...process.env, CGO_ENABLED: '0' };
    execFileSync('go', ['build', '-o', 'pause', 'pause.go'], { cwd: folder, env });
    return images.archiveOfProgram(join(folder, 'pause'), pauseImage);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// All that needs a network or minutes, before: the space has neither.
for (const build of [kustomize, controlPlanePrograms, nodePrograms, corednsPrograms]) build();
const images = new Images();
const archives = [
  images.archive('heimdall', 'docker.io/library/heimdall:0.1.0'),
  images.archive('member', 'docker.io/library/heimdall-member:0.1.0'),
  pauseArchive(images),
];
const checks = fileURLToPath(new URL('check-node.ts', import.meta.url));
process.exitCode = await runSealed([process.execPath, checks, ...archives]);
