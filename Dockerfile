# The operator's image, for linux/amd64 and linux/arm64:
#
#   docker buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max \
#     --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) \
#     --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) \
#     --output type=registry,rewrite-timestamp=true --tag registry.example/keyframe:0.1.0 .
#
# The same sources, bases and arguments give the same image. For a release pin the bases, by
# --build-arg BUILD_IMAGE=<name>@sha256:.. and RUNTIME_IMAGE=<name>@sha256:.. as
# `docker buildx imagetools inspect <name>` shows them.
ARG BUILD_IMAGE=docker.io/library/node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

# On the platform of the builder: neither the operator nor its dependencies have anything native.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No scripts: the only one would fetch the Node.js of developers.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
# Types, source maps and what is built for another runtime are more than half of it, and nobody reads them there.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && find node_modules -type f -regextype egrep -regex '.*\.(map|[cm]?ts|bare)' -delete \
  && find node_modules -type d -empty -delete

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="keyframe" \
  org.opencontainers.image.description="A Kubernetes operator for snapshots of virtual machines that live outside the cluster" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
COPY --from=dependencies /build/node_modules node_modules
COPY --from=build /build/dist dist
# The plugin, /app/dist/cli/main.js, holds them against those of a cluster.
COPY crds crds
COPY LICENSE package.json ./
ENV NODE_ENV=production
# A number, so that the kubelet can see that it is not root.
USER 65532:65532
# By itself Node takes half of a small memory limit for its heap: 259 MiB of 512 MiB, and 361 MiB with this.
ENTRYPOINT ["/nodejs/bin/node", "--max-old-space-size-percentage=70", "/app/dist/main.js"]
