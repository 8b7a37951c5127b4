# What there is to do with a checkout. `make help` lists it; the stable Rust toolchain is enough for all of it.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 10

DOCUMENTS := backends decisions guides mechanisms
PROGRAMS := saslauthd testsaslauthd saslpasswd2 sasldblistusers2
TARGET := $(or $(CARGO_TARGET_DIR),target)
MANUAL := $(TARGET)/manual
SUITES := $(filter-out tests/layers/check,$(wildcard tests/*/check))

# All in one: for a part of it, Cargo would build the dependencies anew with what that part alone asks of them.
CARGO_BUILD := cargo build --release --locked --workspace --bins --examples

share := $(DESTDIR)$(PREFIX)/share
sbin := $(DESTDIR)$(PREFIX)/sbin
lib := $(DESTDIR)$(PREFIX)/lib
doc := $(share)/doc/saslauthd-rs
bash_completions := $(share)/bash-completion/completions
zsh_completions := $(share)/zsh/site-functions
fish_completions := $(share)/fish/vendor_completions.d

export OURS_BIN := $(abspath $(TARGET)/release)

.PHONY: help demo test test-apps check bench fuzz torture build install deb

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1  -  /p' Makefile

demo:  ## a tour on a scratch store and a scratch socket
	tests/setup build
	$(CARGO_BUILD)
	tests/demo/run

test:  ## everything that CI runs
	tests/setup test
	$(MAKE) check
	cargo test --locked --workspace --all-features
	$(MAKE) build
	$(MAKE) demo
	set -e; for suite in $(SUITES) bench/check fuzz/check; do echo "== $$suite"; $$suite; done

test-apps:  ## the other mail, directory and web servers, each in a private root, with our programs and the originals; as root
	tests/setup test
	$(CARGO_BUILD)
	tests/apps/check --others

check:  ## format, lints, documentation, dependencies, layers
	tests/setup check
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-features --all-targets -- -D warnings
	for features in "" blocking tokio; do \
	    cargo clippy --locked --package sasl-io --features "$$features" -- -D warnings || exit 1; \
	done
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --all-features --no-deps
	tests/deny
	tests/layers/check

bench:  ## side by side with the originals, as a table
	tests/setup test
	tests/setup build valgrind
	bench/run

fuzz:  ## every parser and exchange for FUZZ_SECONDS=10 each, guided by coverage where there is a nightly toolchain
	tests/setup build
	fuzz/guided $(FUZZ_SECONDS)

torture:  ## the daemon and the store torn at, with all the numbers that are promised; as root
	tests/setup test
	$(CARGO_BUILD)
	tests/torture/check --long

build:  ## the programs, their manual pages and shell completions, in target/
	$(CARGO_BUILD)
	rm -rf $(MANUAL)
	$(TARGET)/release/examples/saslauthd_manual $(MANUAL)
	$(TARGET)/release/examples/saslpasswd_manual $(MANUAL)

install:  ## into DESTDIR= and PREFIX=/usr/local, systemd's units too
	test -d $(MANUAL) || $(MAKE) build
	install -d $(sbin) $(share)/man/man8 $(bash_completions) $(zsh_completions) $(fish_completions)
	install -m 755 $(addprefix $(TARGET)/release/,$(PROGRAMS)) $(sbin)
	install -m 644 $(MANUAL)/man8/*.8 $(share)/man/man8
	for name in $(PROGRAMS); do \
	    install -m 644 $(MANUAL)/completions/bash/$$name.bash $(bash_completions)/$$name && \
	    install -m 644 $(MANUAL)/completions/zsh/_$$name $(zsh_completions)/_$$name && \
	    install -m 644 $(MANUAL)/completions/fish/$$name.fish $(fish_completions)/$$name.fish || exit 1; \
	done
	install -d $(lib)/systemd/system $(lib)/sysusers.d $(lib)/tmpfiles.d $(share)/saslauthd-rs $(addprefix $(doc)/,$(DOCUMENTS))
	install -m 644 packaging/systemd/saslauthd.socket packaging/systemd/saslauthd.service $(lib)/systemd/system
	sed -i 's:/usr/:$(PREFIX)/:' $(lib)/systemd/system/saslauthd.service
	install -m 644 packaging/sysusers.d/saslauthd.conf $(lib)/sysusers.d
	install -m 644 packaging/tmpfiles.d/saslauthd.conf $(lib)/tmpfiles.d
	install -m 644 packaging/systemd/root.conf packaging/systemd/postfix-chroot.conf packaging/cyrus-users $(share)/saslauthd-rs
	install -m 644 packaging/fail2ban/filter.d/saslauthd.conf $(share)/saslauthd-rs/fail2ban-filter.conf
	install -m 644 README.md CHANGELOG.md docs/*.md crates/saslauthd-rs/saslauthd.toml.example $(doc)
	for part in $(DOCUMENTS); do install -m 644 docs/$$part/*.md $(doc)/$$part || exit 1; done

deb:  ## the Debian package saslauthd-rs, in target/debian
	tests/setup deb
	$(MAKE) build
	packaging/debian/build
