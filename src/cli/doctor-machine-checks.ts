import { optionAt, systemNumber, totalIn } from './doctor-facts.ts';
import type { Facts } from './doctor-facts.ts';
import { ok, warning } from './doctor-finding.ts';
import type { Finding } from './doctor-finding.ts';

/** What a process needs beside the connections of its clients: listeners, upstreams, grid, files. */
const otherDescriptors = 512;
const conntrackShareMax = 0.8;
/** What a replica takes beside its cache, under load (docs/benchmarks.md). */
const baseMemoryBytes = 256 * 1024 * 1024;
const mebibyte = 1024 * 1024;

/** Limits of the machine that this command runs on: in a pod, run it there. */
export function machineChecks(facts: Facts): Finding[] {
  return [
    ...descriptors(facts),
    ...receiveBuffer(facts),
    ...conntrack(facts),
    ...memory(facts),
    ...ceiling(facts),
  ];
}

function descriptors(facts: Facts): Finding[] {
  const most = totalIn(facts, 'process_max_fds');
  if (most === 0) return [];
  const connections = Number(optionAt(facts, 'listen.tcp.connectionsMax'));
  const text = `${String(most)} may be open, ${String(totalIn(facts, 'process_open_fds'))} are`;
  if (most >= connections + otherDescriptors) return [ok('file descriptors', text)];
  const advice = `raise the limit (ulimit -n) above listen.tcp.connectionsMax, ${String(connections)}`;
  return [warning('file descriptors', text, advice)];
}

function receiveBuffer(facts: Facts): Finding[] {
  const granted = systemNumber(facts, '/proc/sys/net/core/rmem_max');
  if (granted === undefined) return [];
  const wanted = Number(optionAt(facts, 'listen.udp.receiveBufferBytes'));
  const text = `the kernel grants ${String(granted)} of ${String(wanted)} octets`;
  if (granted >= wanted) return [ok('receive buffer', text)];
  const advice = `sysctl net.core.rmem_max=${String(wanted)}: bursts beyond it are lost`;
  return [warning('receive buffer', text, advice)];
}

function conntrack(facts: Facts): Finding[] {
  const used = systemNumber(facts, '/proc/sys/net/netfilter/nf_conntrack_count');
  const most = systemNumber(facts, '/proc/sys/net/netfilter/nf_conntrack_max');
  if (used === undefined || most === undefined || most === 0) return [];
  const text = `${String(used)} of ${String(most)} entries are used`;
  if (used / most <= conntrackShareMax) return [ok('connection tracking', text)];
  const advice =
    'raise net.netfilter.nf_conntrack_max, or exempt port 53 (NOTRACK): beyond it packets are lost';
  return [warning('connection tracking', text, advice)];
}

function memory(facts: Facts): Finding[] {
  const limit =
    systemNumber(facts, '/sys/fs/cgroup/memory.max') ??
    systemNumber(facts, '/sys/fs/cgroup/memory/memory.limit_in_bytes');
  if (limit === undefined || limit > Number.MAX_SAFE_INTEGER) return [];
  const workers = Math.max(1, Number(optionAt(facts, 'workers')) || 1);
  const wanted = Number(optionAt(facts, 'cache.maxBytes')) + workers * baseMemoryBytes;
  const text = `the limit is ${inMebibytes(limit)}, about ${inMebibytes(wanted)} are needed`;
  if (limit >= wanted) return [ok('memory', text)];
  return [warning('memory', text, 'raise the limit, or lower cache.maxBytes')];
}

function ceiling(facts: Facts): Finding[] {
  const limit = totalIn(facts, 'heimdall_cache_limit_bytes');
  const configured = totalIn(facts, 'heimdall_cache_configured_bytes');
  if (limit >= configured) return [];
  const resident = inMebibytes(totalIn(facts, 'process_resident_memory_bytes'));
  const most = inMebibytes(totalIn(facts, 'heimdall_memory_ceiling_bytes'));
  const cut = `the cache is cut to ${inMebibytes(limit)} of ${inMebibytes(configured)}`;
  const text = `${cut}: ${resident} are in use, and the ceiling is ${most}`;
  const advice = 'give the container more memory, or raise cache.processBytesMax';
  return [warning('memory ceiling', text, advice)];
}

function inMebibytes(bytes: number): string {
  return `${String(Math.ceil(bytes / mebibyte))} MiB`;
}
