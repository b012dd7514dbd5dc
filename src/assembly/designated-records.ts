import { parseSocketAddress } from '../base/address.ts';
import type { Config } from '../config/schema.ts';

/** The port that an ingress in front of plain HTTP has. */
const ingressPort = 443;

/**
 * Records of `_dns.resolver.arpa` that lead clients in the clear to the encrypted listeners (RFC 9462
 * section 4, parameters by RFC 9461), in presentation form; none where no name is configured.
 */
export function designatedRecords({ listen }: Pick<Config, 'listen'>): string[] {
  const { tls, https, designated } = listen;
  const { name } = designated;
  if (name === undefined) return [];
  const tlsPort = designated.tlsPort ?? portOf(tls.addresses);
  const ownHttpsPort = https.plain ? ingressPort : portOf(https.addresses);
  const httpsPort = designated.httpsPort ?? ownHttpsPort;
  const services = [
    ...(tls.addresses.length > 0 && tlsPort > 0 ? [`alpn=dot port=${String(tlsPort)}`] : []),
    ...(https.addresses.length > 0 && httpsPort > 0
      ? [`alpn=h2 port=${String(httpsPort)} dohpath=${https.path}{?dns}`]
      : []),
  ];
  const target = name.endsWith('.') ? name : `${name}.`;
  const hints = hintsOf(designated.addresses);
  return services.map(
    (service, index) =>
      `_dns.resolver.arpa. SVCB ${String(index + 1)} ${target} ${service}${hints}`,
  );
}

/** 0 where the system chooses one: nobody can be told in advance. */
function portOf([first]: readonly string[]): number {
  return first === undefined ? 0 : parseSocketAddress(first, 0).port;
}

function hintsOf(addresses: readonly string[]): string {
  const ipv4 = addresses.filter((text) => !isIPv6(text));
  return hint('ipv4hint', ipv4) + hint('ipv6hint', addresses.filter(isIPv6));
}

function hint(key: string, of: readonly string[]): string {
  return of.length === 0 ? '' : ` ${key}=${of.join(',')}`;
}

/** The configuration has addresses alone. */
function isIPv6(address: string): boolean {
  return address.includes(':');
}
