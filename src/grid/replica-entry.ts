import { asRecord } from './sealed-json.ts';
import type { Switches, SwitchMode } from './switches.ts';

/** What a replica tells of itself beside who it is. */
export interface ReplicaDetails {
  /** Where it answers queries, as text. */
  readonly address: string;
  readonly switches: Switches;
  /** Answers by layer since its start. */
  readonly answers: Readonly<Record<string, number>>;
  /** Keys of the grid that it is asked for most, the most wanted first. */
  readonly hottest: readonly string[];
}

/** A replica as the others know it. */
export interface ReplicaEntry extends ReplicaDetails {
  readonly id: string;
  readonly version: string;
  /** In grid time; undefined while that is not known. */
  readonly startedGridMs: number | undefined;
  /** How often it told of itself. */
  readonly beats: number;
}

/** Longer texts and lists are not ours. */
const textLengthMax = 300;
const hottestMax = 1000;
const layersMax = 20;

/** Reads what lies in the map under `id`; whoever wrote it. */
export function asReplicaEntry(id: string, value: unknown): ReplicaEntry | 'malformed' {
  const fields = asRecord(value);
  const { address, version, startedGridMs, beats } = fields;
  const switches = switchesIn(fields['switches']);
  const isOurs =
    fields['id'] === id && isText(id) && isText(address) && isText(version) && isCount(beats);
  if (!isOurs || switches === undefined) return 'malformed';
  return {
    id,
    address,
    version,
    switches,
    beats,
    startedGridMs: isCount(startedGridMs) ? startedGridMs : undefined,
    answers: answersIn(fields['answers']),
    hottest: textsIn(fields['hottest']),
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= textLengthMax;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isMode(value: unknown): value is SwitchMode {
  return value === 'off' || value === 'observe' || value === 'on';
}

function switchesIn(value: unknown): Switches | undefined {
  const { sharedCache, deduplication, sharedHealth, clusterMetrics } = asRecord(value);
  const areModes =
    isMode(sharedCache) && isMode(deduplication) && isMode(sharedHealth) && isMode(clusterMetrics);
  return areModes ? { sharedCache, deduplication, sharedHealth, clusterMetrics } : undefined;
}

function answersIn(value: unknown): Record<string, number> {
  const counts = Object.entries(asRecord(value)).flatMap(([layer, count]) =>
    isText(layer) && isCount(count) ? [[layer, count] as const] : [],
  );
  return Object.fromEntries(counts.slice(0, layersMax));
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(isText).slice(0, hottestMax) : [];
}
