/** Fetches what the tests of this folder and of test/image need, so that no test waits for it. */
import {
  hadolint,
  kubeconform,
  kubernetesSchemas,
  kustomize,
  prometheusCrds,
} from './fetched-programs.ts';

for (const fetch of [kustomize, kubeconform, hadolint, kubernetesSchemas, prometheusCrds]) {
  process.stdout.write(`${fetch()}\n`);
}
