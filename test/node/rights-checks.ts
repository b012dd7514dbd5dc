import { comesTrue } from '../kubernetes/checks.ts';
import type { Checks } from '../kubernetes/checks.ts';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { hastyRules } from '../kubernetes/monitoring.ts';
import { Prometheus } from '../kubernetes/prometheus.ts';
import { namespace } from './fleet.ts';
import type { OverlayChecks } from './overlay-checks.ts';

const alert = 'HeimdallGridSplit';
/** Members look for others every 30 s at most, and tell their metrics every 5 s. */
const patienceMs = 180_000;

/** What becomes of sidecars whose members may not ask the API for one another, and who notices. */
export async function checkRights(
  plane: ControlPlane,
  checks: Checks,
  overlay: OverlayChecks,
): Promise<void> {
  const { fleet } = overlay;
  checks.title('k8s/sidecar without the right to discover');
  overlay.apply(); // three again
  await overlay.isWhole(3, 3);
  plane.must(['delete', 'rolebinding', 'heimdall-member', '-n', namespace]);
  plane.must(['delete', 'pods', '--all', '-n', namespace, '--wait=false']);
  const isApart = await overlay.isWhole(3, 1);
  const sizes = (await fleet.sizes()).join(', ');
  checks.that('three pods ready all the same, each a cluster of one', isApart, sizes);
  const hosts = (urls: readonly string[]): string[] => urls.map((url) => new URL(url).host);
  const prometheus = await Prometheus.start(
    {
      heimdall: hosts(fleet.resolverPages('/metrics')),
      'heimdall-member': hosts(fleet.memberPages()),
    },
    hastyRules(),
  );
  try {
    const isFiring = async (): Promise<boolean> =>
      (await prometheus.query(`ALERTS{alertname="${alert}",alertstate="firing"}`)).length > 0;
    checks.that(`${alert} fires`, await comesTrue(isFiring, patienceMs));
    checks.that('clients are served all the same', await overlay.resolves());
    overlay.apply();
    const pods = fleet.identities().join();
    const isWhole = (await overlay.isWhole(3, 3, patienceMs)) && fleet.identities().join() === pods;
    checks.that('with the right back they merge, none started again', isWhole);
    const hasEnded = await comesTrue(async () => !(await isFiring()), patienceMs);
    checks.that('the alert ends', hasEnded);
  } finally {
    await prometheus.stop();
  }
}
