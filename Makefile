# `make test` before every commit, `make soak` when there is time. Both end with a non-zero exit when anything is wrong.

CARGO ?= cargo
# TypeScript packages bring their own `npm test`.
PACKAGES := $(patsubst %/package.json,%,$(wildcard admin/package.json clients/*/package.json))

.PHONY: help test soak lint fmt deny bless tools packages chromium

help:
	@echo "make test   everything that is quick: Rust workspace$(if $(PACKAGES),$(comma) $(PACKAGES))"
	@echo "make packages   clients and panel, in a real Chromium too; part of make test"
	@echo "make soak   the same tests with far larger numbers (minutes)"
	@echo "make lint   formatting and clippy, warnings are errors"
	@echo "make fmt    formats all Rust"
	@echo "make deny   licences, advisories and sources of all dependencies (needs cargo-deny)"
	@echo "make bless  writes docs/limits.md and the golden vectors anew"

comma := ,

test: tools
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then set -x; $(CARGO) nextest run --workspace --locked; \
	else set -x; $(CARGO) test --workspace --locked; fi
	@$(MAKE) --no-print-directory packages

# Clients and panel: what is committed is what the sources build to, unit tests, and then the real thing: the server's own
# pages in a real Chromium.
packages: tools chromium
	$(CARGO) test --workspace --locked --no-run # the very build that the tests ran, its binary included
	@set -e; AIRBOAT_BIN=$$($(BINARY)); export AIRBOAT_BIN; for package in $(PACKAGES); do \
		(set -ex; cd $$package; npm ci --no-audit --no-fund; npm test; npm run --if-present test:play); done

# Where cargo puts it, whatever CARGO_TARGET_DIR and the configuration say.
BINARY = $(CARGO) metadata --no-deps --format-version 1 | \
	node -p 'JSON.parse(require("fs").readFileSync(0)).target_directory + "/debug/airboat"'

CHROMIUM ?= /usr/bin/chromium
export CHROMIUM
chromium:
	@test -x "$(CHROMIUM)" || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -q && \
	DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium; } || \
	{ echo "a Chromium is missing: apt-get install chromium, or name it in CHROMIUM"; exit 1; }

# Not nextest: a soak is long by design, and its progress is worth seeing.
soak: tools
	AIRBOAT_SOAK=1 $(CARGO) test --workspace --locked --release -- --nocapture

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

fmt:
	$(CARGO) fmt --all

deny:
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install cargo-deny --locked"; exit 1; }
	$(CARGO) deny --workspace check

bless:
	AIRBOAT_BLESS=1 $(CARGO) test --lib --locked config
	AIRBOAT_BLESS=1 $(CARGO) test --test golden --locked

# One clear line each, instead of a build that fails somewhere in the middle.
tools:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (LuaJIT and SQLite are built from source): apt-get install build-essential"; exit 1; }
	@test -z "$(PACKAGES)" || command -v npm >/dev/null || { echo "npm is missing: https://nodejs.org, version 20 or newer"; exit 1; }
