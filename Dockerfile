# The image of the server: built, and then copied without what only builds and tests need.
#   deploy/build-image.sh registry.example.org/zonelog:1 [--push]
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
WORKDIR /opt/zonelog
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY bin bin
COPY migrations migrations
COPY scripts scripts
COPY src src
COPY tsconfig.json ./
RUN npm run build && npm prune --omit=dev --no-audit --no-fund \
    && rm -rf src scripts tsconfig.json

FROM ${BASE}
WORKDIR /var/lib/zonelog
COPY --from=build /opt/zonelog /opt/zonelog
# Compiled code is kept in the image, as its file system may be read-only: a first start, which also shows that it runs.
ENV NODE_COMPILE_CACHE=/opt/zonelog/.compile-cache STATE_DIRECTORY=/var/lib/zonelog
RUN printf '.:5353 {\n  whoami\n}\n' > /tmp/Corefile \
    && timeout --preserve-status --signal=TERM 3 /opt/zonelog/bin/zonelog -conf /tmp/Corefile -db /tmp/zonelog.db \
    && rm -f /tmp/Corefile /tmp/zonelog.db* \
    && chown 1000:1000 /var/lib/zonelog
USER 1000:1000
EXPOSE 53/udp 53/tcp 9153/tcp 8080/tcp 8181/tcp
ENTRYPOINT ["/opt/zonelog/bin/zonelog"]
CMD ["-conf", "/etc/zonelog/Corefile"]
