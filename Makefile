# A thin front door to Meson: `make` lists what there is.

BUILD ?= build
PREFIX ?= /usr/local
ARGS ?=
AMALGAMATION ?= build-amalgamation

.PHONY: help run build test check-fast lint format fuzz sim machines mutate coverage bench asan tsan install uninstall amalgamation deb abi clean

help:
	@echo 'make run         install what is missing, build, start the server on 127.0.0.1:12345'
	@echo 'make test        everything: builds, all tests, sanitizers, checks'
	@echo 'make check-fast  what takes seconds: build, unit and conformance tests, format, layers'
	@echo 'make build       build into ./$(BUILD), optimised and with debug information'
	@echo 'make asan        clang with AddressSanitizer, UBSan and -Dchecking=true, all tests, in ./build-asan'
	@echo 'make tsan        clang with ThreadSanitizer, the tests that cross threads, in ./build-tsan'
	@echo 'make fuzz        each parser, and TLS, for FUZZ_SECONDS (60)'
	@echo 'make sim         plays scenes in simulated worlds: SEEDS=n (10000), SCENE=name, SEED=first'
	@echo 'make machines    the library and its tests on musl, i386, arm64, armhf and s390x: ARGS=s390x is one of them'
	@echo 'make mutate      breaks the sources, one way at a time, and lists what no test sees: hours; it goes on where it was'
	@echo 'make coverage    which lines the suites and the simulated worlds reach, by room: ARGS=src/core lists the others'
	@echo 'make lint        clang-tidy, cppcheck and the checks of tests/checks'
	@echo 'make format      clang-format over all sources'
	@echo 'make bench       hark beside its peers, about half an hour; tables and plots in docs/bench'
	@echo 'make install     into PREFIX ($(PREFIX)); DESTDIR is honoured'
	@echo 'make uninstall   removes what the last make install put there'
	@echo 'make amalgamation  hark.c and hark.h, to be dropped into a tree, in ./$(AMALGAMATION) (AMALGAMATION=DIR)'
	@echo 'make deb         Debian packages, read by lintian, tried in a root of their own (as root), in ./build-deb'
	@echo 'make abi         what has changed in the interface of the shared libraries since the last tag, or ARGS=REVISION'
	@echo 'make clean       remove the build directories'

build:
	@scripts/setup run
	@scripts/build $(BUILD) -Dtests=false -Dprefix=$(PREFIX)

run: build
	@scripts/run $(BUILD)/cmd/hark/hark $(ARGS)

test:
	@scripts/setup test
	@scripts/test all

check-fast:
	@scripts/setup test
	@scripts/test fast

asan tsan lint:
	@scripts/setup test
	@scripts/test $@

fuzz:
	@scripts/setup test
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} scripts/test fuzz

sim:
	@scripts/setup test
	@CC=gcc scripts/build build-gcc
	@build-gcc/tests/scenes --seeds $${SEEDS:-10000} $${SEED:+--first $$SEED} $${SCENE:+--scene $$SCENE}

machines:
	@scripts/setup machines
	@scripts/test machines $(ARGS)

mutate:
	@scripts/setup test
	@scripts/mutate $(ARGS)

coverage:
	@scripts/setup test
	@scripts/coverage $(ARGS)

format:
	@scripts/format

bench:
	@scripts/setup bench
	@bench/run $(ARGS)

install: build
	@meson install -C $(BUILD) --no-rebuild

uninstall:
	@[ -f $(BUILD)/meson-logs/install-log.txt ] || { echo 'hark: nothing was installed from ./$(BUILD)' >&2; exit 1; }
	@ninja --quiet -C $(BUILD) uninstall

deb:
	@scripts/setup deb
	@scripts/deb

abi:
	@scripts/setup deb
	@scripts/abi $(ARGS)

amalgamation:
	@scripts/amalgamate $(AMALGAMATION)

clean:
	rm -rf build build-amalgamation build-deb build-gcc build-asan build-tsan build-bench build-mutate build-coverage
