import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeCertificate } from '../support/certificates.ts';
import { comesTrue } from './checks.ts';
import type { ControlPlane } from './control-plane.ts';
import { isTrue } from './manifests.ts';
import type { Manifest } from './manifests.ts';

const group = 'custom.metrics.k8s.io';
const version = 'v1beta2';
const metric = 'heimdall_queries_per_second';
/** The API server looks for it every few seconds. */
const patienceMs = 60_000;
/** Of the addresses that the control plane holds for pods; the last. */
const podNumber = 7;

/**
 * What prometheus-adapter would be: the API of custom metrics, with one metric for the pods of a
 * namespace. The API server reaches it as it reaches every API that others serve.
 */
export class QueriesMetric {
  readonly #plane: ControlPlane;
  readonly #podNames: () => readonly string[];
  #server: Server | undefined;
  /** Queries a second of all pods together, who share them. */
  total = 0;

  /** @param podNames of those that have the metric now */
  constructor(plane: ControlPlane, podNames: () => readonly string[]) {
    this.#plane = plane;
    this.#podNames = podNames;
  }

  async start(): Promise<void> {
    const certificate = await makeCertificate();
    await certificate.remove();
    const server = createServer(
      { cert: certificate.cert, key: certificate.key },
      (request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(this.#answer(request.url ?? '')));
      },
    );
    this.#server = server;
    const host = this.#plane.podAddress(podNumber);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as AddressInfo;
    this.#plane.must(['apply', '-f', '-'], JSON.stringify(registration(host, port)));
    const path = `/apis/apiregistration.k8s.io/v1/apiservices/${version}.${group}`;
    const isTaken = await comesTrue(async () => {
      const response = await fetch(this.#plane.url + path);
      return isTrue('Available', (await response.json()) as Manifest);
    }, patienceMs);
    if (!isTaken) throw new Error(`the API server does not reach ${group}`);
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  #answer(path: string): unknown {
    const apiVersion = `${group}/${version}`;
    if (!path.includes(metric)) {
      const resource = { name: `pods/${metric}`, namespaced: true, kind: 'MetricValueList' };
      const resources = [{ ...resource, singularName: '', verbs: ['get'] }];
      return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources };
    }
    const names = this.#podNames();
    const items = names.map((name) => ({
      describedObject: { kind: 'Pod', namespace: 'heimdall', name, apiVersion: '/v1' },
      metric: { name: metric },
      timestamp: new Date().toISOString(),
      value: String(Math.floor(this.total / names.length)),
    }));
    return { kind: 'MetricValueList', apiVersion, metadata: {}, items };
  }
}

/** Tells the API server who serves the group, and where that is. */
function registration(host: string, port: number): unknown {
  const metadata = { name: 'queries-metric', namespace: 'kube-system' };
  const ports = [{ name: 'https', port: 443, protocol: 'TCP' }];
  const items = [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': metadata.name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [host], conditions: { ready: true } }],
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `${version}.${group}` },
      spec: {
        group,
        version,
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { ...metadata, port: 443 },
      },
    },
  ];
  return { apiVersion: 'v1', kind: 'List', items };
}
