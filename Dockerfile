# Builds the server and leaves one binary in a small image, run by nobody. See docs/operations.md.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY src src
COPY modules modules
COPY admin/dist admin/dist
COPY clients/web/dist clients/web/dist
COPY clients/web/demos/dist clients/web/demos/dist
COPY loadtest loadtest
COPY README.md ./
RUN cargo build --release --locked -p airboat && mkdir -p /empty/data /empty/certs

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/airboat /usr/local/bin/airboat
COPY --from=build --chown=nonroot:nonroot /empty/ /var/lib/airboat/
WORKDIR /var/lib/airboat
VOLUME ["/var/lib/airboat/data", "/var/lib/airboat/certs"]
EXPOSE 7777/tcp 7777/udp
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/airboat"]
