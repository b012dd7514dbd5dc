/** The checks of `npm run test:node`, in the space that run-node.ts made for them. */
import { Checks } from '../kubernetes/checks.ts';
import { ControlPlane } from '../kubernetes/control-plane.ts';
import { checkBehindCoredns } from './behind-coredns.ts';
import { Clients } from './clients.ts';
import { checkNodeLocal } from './node-local-checks.ts';
import { OverlayChecks } from './overlay-checks.ts';
import { RealNode } from './real-node.ts';
import { checkRights } from './rights-checks.ts';

/** The images, and the folder that the space gave. */
const archives = process.argv.slice(2, -1);
const folder = process.argv.at(-1) ?? '';
const checks = new Checks();
const plane = new ControlPlane();
const node = new RealNode(plane, folder);

async function run(): Promise<void> {
  const startedAtMs = performance.now();
  await plane.start();
  await node.start(archives);
  const [found] = JSON.parse(plane.must(['get', 'nodes', '-o', 'json'])).items as Node[];
  const { kubeletVersion, containerRuntimeVersion } = found?.status.nodeInfo ?? {};
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
  checks.that(
    'a node is ready',
    true,
    `kubelet ${String(kubeletVersion)}, ${String(containerRuntimeVersion)}, ${seconds} s`,
  );
  const clients = new Clients(plane);
  const wanted = process.env['HEIMDALL_OVERLAYS'] ?? 'node-local,sidecar,grid';
  if (wanted.includes('node-local')) await checkNodeLocal({ plane, checks, clients, folder });
  for (const overlay of ['sidecar', 'grid'] as const) {
    if (!wanted.includes(overlay)) continue;
    const applied = new OverlayChecks({ overlay, plane, checks, clients, folder });
    await applied.run();
    if (overlay === 'sidecar') {
      await checkRights(plane, checks, applied);
      await applied.remove();
    } else {
      await checkBehindCoredns({ plane, checks, folder, remove: () => applied.remove() });
    }
  }
}

interface Node {
  readonly status: { readonly nodeInfo: Readonly<Record<string, string>> };
}

try {
  await run();
} catch (error) {
  checks.that('the run came to its end', false, error instanceof Error ? error.message : 'failed');
} finally {
  await node.stop();
  await plane.stop();
}
checks.finish();
process.exitCode = checks.failed === 0 ? 0 : 1;
