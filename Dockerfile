# sigmint as a container: one binary, no shell, no package manager, an unprivileged user.
#
#   docker build -t sigmint .
#   docker run --read-only -p 8080:8080 -v "$PWD/deployment:/etc/sigmint:ro" sigmint serve --config /etc/sigmint/serve.yaml
#
# The process writes nothing to disk: --read-only needs no tmpfs.

# The compiler that Cargo.toml names as the oldest allowed. It brings the C compiler that aws-lc-rs is built with.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
# --locked: exactly the crates of Cargo.lock, which cargo checks against their hashes.
RUN cargo build --locked --release --bin sigmint
RUN mkdir names && ln -s sigmint names/fulcio && ln -s sigmint names/fulcio-server

# The same Debian as above, for its C library; with root certificates to reach issuers over HTTPS, and nothing to run.
FROM gcr.io/distroless/cc-debian12
COPY --from=build /build/target/release/sigmint /usr/local/bin/sigmint
# Charts and compose files that name Fulcio's program find it.
COPY --from=build /build/names/ /usr/local/bin/
# The numeric user that Fulcio's Helm charts run as, so that mounted keys keep their owner; a number lets
# Kubernetes see that runAsNonRoot holds.
USER 65533:65533
# REST, gRPC, metrics: the defaults. Charts often set --port=5555 --grpc-port=5554.
EXPOSE 8080 8081 2112
# SIGTERM, which is what an orchestrator sends, ends it in order.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/sigmint"]
CMD ["serve"]
