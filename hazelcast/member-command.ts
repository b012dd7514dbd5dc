import { fileURLToPath } from 'node:url';
import { memberSettings, settingNames, variableOf } from './member-settings.ts';
import type { MemberValues, SettingName } from './member-settings.ts';

/** The directory of the configuration; the jars are below it. */
export const memberHome = fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, '');

/** Pinned in pom.xml. */
export const exporterJar = 'jmx_prometheus_javaagent-1.0.1.jar';

/**
 * The arguments of `java`, in which `{name}` stands for a setting. An argument of a setting without
 * a value is left out. Serial collector and first compiler alone: ready in a third of the time and
 * 40 MB smaller than the JVM's defaults; the member is not what limits a resolver.
 */
const javaArguments: readonly string[] = [
  // Hazelcast asks for these on Java 17: it then reads the memory figures and saves copies in sockets.
  '--add-modules=java.se',
  '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
  '--add-opens=java.base/java.lang=ALL-UNNAMED',
  '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
  '--add-opens=java.management/sun.management=ALL-UNNAMED',
  '--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED',
  '-Xms32m',
  '-Xmx{heap}',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  // A member without memory answers nobody and is still believed alive: it ends, to be started again.
  '-XX:+ExitOnOutOfMemoryError',
  '-Djava.util.logging.config.file={home}/logging.properties',
  '-Dhazelcast.config={home}/hazelcast.yaml',
  // Costs two seconds of each start.
  '-Dhazelcast.config.schema.validation.enabled=false',
  '-Dhazelcast.local.localAddress={address}',
  '-Dhazelcast.local.publicAddress={public-address}',
  '-Dheimdall.member.cluster.name={cluster-name}',
  '-Dheimdall.member.client.port={port}',
  '-Dheimdall.member.member.port={member-port}',
  '-Dheimdall.member.rest.port={rest-port}',
  '-Dheimdall.member.members={members}',
  '-Dheimdall.member.tcp.ip={tcp-ip}',
  '-Dheimdall.member.kubernetes={kubernetes}',
  // Hazelcast reads these by itself, and refuses a name for the API beside one for DNS, even an empty one.
  '-Dhazelcast.kubernetes.service-name={service-name}',
  '-Dhazelcast.kubernetes.service-dns={service-dns}',
  '-Dhazelcast.kubernetes.service-port={member-port}',
  '-Dhazelcast.kubernetes.kubernetes-master={kubernetes-api}',
  '-Dheimdall.member.cache.limit={cache-limit}',
  '-Dheimdall.member.cache.size={cache-size}',
  '-Dheimdall.member.cache.backups={cache-backups}',
  '-Dheimdall.member.zone.aware={zone-aware}',
  '-Dheimdall.member.split.protection={split-protection}',
  '-Dheimdall.member.majority={majority}',
  '-Dheimdall.member.cp.members={cp-members}',
  '-Dheimdall.member.leave.seconds={leave-seconds}',
  '-Dheimdall.member.management.center={management-center}',
  `-javaagent:{home}/lib/{version}/${exporterJar}={address}:{jmx-port}:{home}/jmx.yaml`,
  '-cp',
  '{home}/lib/{version}/hazelcast-{version}.jar',
  'com.hazelcast.core.server.HazelcastMemberStarter',
];

/** The arguments of `java` for a member with these values (of `memberValues`). */
export function memberArguments(values: MemberValues): string[] {
  const known: Readonly<Record<string, string>> = { home: memberHome, ...values };
  return javaArguments.flatMap((template) =>
    placeholdersOf(template).every((name) => name in known)
      ? [template.replaceAll(placeholder, (_, name: string) => known[name] ?? '')]
      : [],
  );
}

/**
 * The same command as a shell script for where there is no Node, such as an image of the member
 * alone: it reads the environment variables. To be put into the directory of hazelcast.yaml.
 */
export function memberScript(): string {
  const defaults = settingNames.flatMap((name) => {
    const { standard } = memberSettings[name];
    return standard === undefined ? [] : [`: "\${${variableOf(name)}:=${standard}}"`];
  });
  return [
    '#!/bin/sh',
    '# Written by `npm run grid -- --script`; docs/grid-member.md has the variables.',
    'set -eu',
    'home=$(cd "$(dirname "$0")" && pwd)',
    ...defaults,
    `exec java ${javaArguments.map(scriptArgument).join(' \\\n  ')}`,
    '',
  ].join('\n');
}

const placeholder = /\{([a-z-]+)\}/g;

function placeholdersOf(template: string): string[] {
  return [...template.matchAll(placeholder)].map(([, name]) => name ?? '');
}

function isSetting(name: string): name is SettingName {
  return name in memberSettings;
}

function scriptArgument(template: string): string {
  const quoted = `"${template.replaceAll(placeholder, (_, name: string) => variable(name))}"`;
  const optional = placeholdersOf(template)
    .filter(isSetting)
    .find((name) => memberSettings[name].standard === undefined);
  return optional === undefined ? quoted : `\${${variableOf(optional)}:+${quoted}}`;
}

function variable(name: string): string {
  return isSetting(name) ? `\${${variableOf(name)}}` : `\${${name}}`;
}
