# `make test` before every commit, `make soak` when there is time. Both end with a non-zero exit when anything is wrong.

CARGO ?= cargo
# TypeScript packages bring their own `npm test`.
PACKAGES := $(patsubst %/package.json,%,$(wildcard admin/package.json clients/*/package.json))

.PHONY: help test soak lint fmt deny bless tools packages chromium defold defold-soak

help:
	@echo "make test   everything that is quick: Rust workspace$(if $(PACKAGES),$(comma) $(PACKAGES))"
	@echo "make packages   clients and panel, in a real Chromium too; part of make test"
	@echo "make defold     the Defold client in a stand-in of the engine, and in Defold's compiler; part of make test"
	@echo "make soak   the same tests with far larger numbers (minutes)"
	@echo "make lint   formatting and clippy, warnings are errors"
	@echo "make fmt    formats all Rust"
	@echo "make deny   licences, advisories and sources of all dependencies (needs cargo-deny)"
	@echo "make bless  writes docs/limits.md and the golden vectors anew"
	@echo "make defold-zip   the Defold library as a release, in target/"
	@echo "make defold-step   copies the module's step into the Defold example"

comma := ,

test: tools
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then set -x; $(CARGO) nextest run --workspace --locked --no-fail-fast; \
	else set -x; $(CARGO) test --workspace --locked --no-fail-fast; fi
	@$(MAKE) --no-print-directory packages
	@$(MAKE) --no-print-directory defold

# Clients and panel: what is committed is what the sources build to, unit tests, and then the real thing: the server's own
# pages in a real Chromium.
packages: tools chromium
	$(CARGO) test --workspace --locked --no-run # the very build that the tests ran, its binary included
	@set -e; AIRBOAT_BIN=$$($(BINARY)); export AIRBOAT_BIN; for package in $(PACKAGES); do \
		(set -ex; cd $$package; npm ci --no-audit --no-fund; npm test; npm run --if-present test:play); done

# Under LuaJIT and Lua 5.1, against the real server, and with pages in a real Chromium; then Defold's own compiler. What is
# missing (Lua, Java) is installed by root on Debian, else named.
defold: tools chromium
	$(CARGO) test --workspace --locked --no-run
	@set -e; AIRBOAT_BIN=$$($(BINARY)); export AIRBOAT_BIN; clients/defold/test/run

defold-soak: tools
	$(CARGO) build --locked --release
	@set -e; AIRBOAT_BIN=$$($(BINARY) | sed 's,/debug/airboat$$,/release/airboat,'); export AIRBOAT_BIN; \
	AIRBOAT_SOAK=1 clients/defold/test/run soak

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
	@set -ex; cd clients/web; npm ci --no-audit --no-fund; AIRBOAT_SOAK=1 npm run test:unit
	@$(MAKE) --no-print-directory defold-soak

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
	AIRBOAT_BLESS=1 $(CARGO) test -p airboat-loadtest --test pacing --locked
	cd clients/web && npm ci --no-audit --no-fund && AIRBOAT_BLESS=1 npm run test:unit
	AIRBOAT_BLESS=1 $(CARGO) test --test golden --test decoders --locked

# One clear line each, instead of a build that fails somewhere in the middle.
tools:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (LuaJIT and SQLite are built from source): apt-get install build-essential"; exit 1; }
	@test -z "$(PACKAGES)" || command -v npm >/dev/null || { echo "npm is missing: https://nodejs.org, version 20 or newer"; exit 1; }

# The Defold library as a release: what a game depends on, and the examples.
DEFOLD_VERSION = $(shell sed -n 's/^version = //p' clients/defold/game.project)
.PHONY: defold-zip defold-step
defold-zip:
	mkdir -p target
	clients/defold/release target/defold-$(DEFOLD_VERSION).zip
	@echo target/defold-$(DEFOLD_VERSION).zip

# The example predicts with the module's own step.
defold-step:
	cp modules/warbattles/shared/step.lua clients/defold/example/warbattles/shared/step.lua
