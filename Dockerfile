# syntax=docker/dockerfile:1
# Two images: `--target heimdall` (the last stage, so the default) and `--target member`, a Hazelcast
# member of the grid with this project's configuration. docs/kubernetes.md says how they are run.
#
# Bases are named by exact versions, which their publishers do build again when Debian mends something.
# Builds that must be the same for ever name digests: docs/kubernetes.md tells how.
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim
ARG DEBIAN_IMAGE=docker.io/library/debian:12.12-slim
ARG MAVEN_IMAGE=docker.io/library/maven:3.9.9-eclipse-temurin-17
ARG JAVA_IMAGE=docker.io/library/eclipse-temurin:17.0.16_8-jre-jammy

# What runs has neither the compiler nor npm in it.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY hazelcast hazelcast
# The script of the member is written here: the member's image has no Node.js.
RUN npm run build && node hazelcast/start-member.ts --script > hazelcast/member.sh

FROM ${NODE_IMAGE} AS production
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM ${MAVEN_IMAGE} AS jars
WORKDIR /build
COPY hazelcast/pom.xml ./
ARG HAZELCAST_VERSION=5.7.0
RUN mvn -B -q "-Dhazelcast.version=${HAZELCAST_VERSION}" \
  "-DoutputDirectory=/build/lib/${HAZELCAST_VERSION}" dependency:copy-dependencies

FROM ${JAVA_IMAGE} AS member
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG HAZELCAST_VERSION=5.7.0
LABEL org.opencontainers.image.title="heimdall-member" \
  org.opencontainers.image.description="A Hazelcast member of the grid that Heimdall's replicas share" \
  org.opencontainers.image.licenses="MIT AND Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
WORKDIR /opt/heimdall-member
COPY hazelcast/hazelcast.yaml hazelcast/jmx.yaml hazelcast/logging.properties ./
COPY --chmod=0555 hazelcast/keep-member.sh ./
COPY --from=build --chmod=0555 /build/hazelcast/member.sh ./
COPY --from=jars /build/lib lib
ENV HEIMDALL_MEMBER_VERSION=${HAZELCAST_VERSION} \
  HEIMDALL_MEMBER_JMX_PORT=9404
USER 10001:10001
# Resolvers, other members, health, metrics.
EXPOSE 5701/tcp 5801/tcp 5901/tcp 9404/tcp
# The image has no client for HTTP: bash speaks it itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["bash", "-c", "\
  exec 3<>/dev/tcp/${HEIMDALL_MEMBER_ADDRESS:-127.0.0.1}/${HEIMDALL_MEMBER_REST_PORT:-5901} && \
  printf 'GET /hazelcast/health/ready HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
# The script ends in `exec java`: the JVM is process 1 and gets SIGTERM itself.
ENTRYPOINT ["./member.sh"]

FROM ${DEBIAN_IMAGE} AS heimdall
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="heimdall" \
  org.opencontainers.image.description="A caching, forwarding DNS resolver for Kubernetes whose replicas behave as one" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
COPY --from=build /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY package.json ./
COPY --from=production /build/node_modules node_modules
COPY --from=build /build/dist dist
# The certificates of the system, for upstreams over TLS, come with the base of Node.js itself.
ENV NODE_ENV=production
USER 10001:10001
EXPOSE 1053/udp 1053/tcp 8080/tcp
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["node", "dist/main.js", "healthcheck"]
# Process 1 is Heimdall itself: it takes SIGTERM, and it waits for each worker that it starts.
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve"]
