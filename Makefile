# make demo      hear the built-in scene, no hardware needed
# make listen    hear the default microphone: make listen ARGS='--prompt "a dog barking"'
# make test      lint, then every test
# make test-fast             the inner loop: the tests that take no second, in less than a minute
# make lint      ruff, its format, and mypy
# make guide     the site of the guide, into build/guide; a broken link fails
# make test-home-assistant    the MQTT output with a real Home Assistant, of which it installs 1 GB
# make test-extras    resolve what is needed for every Python and for ARM; minutes, needs the network
# make check-arm    what 64-bit ARM hears, emulated, beside this machine; minutes, network
# make pictures  the pictures of guide and README, photographed anew
# make faults    inject faults into a running elsa-rt; the table goes into the guide
# make soak      half an hour of sound at full pace (HOURS=24 for more; REALTIME=1 from a microphone)
# make sweep     SIGTERM and Ctrl-C at 200 random moments of the start each
# make fuzz      mutate what users bring for ten minutes (MINUTES=60 for more)
# make audit     known vulnerabilities of the locked dependencies and of the code
# make sbom      bill of materials of the installed packages, build/sbom.json
# make lock      requirements with hashes for the service, examples/service/requirements*.txt
# make bench     how fast it is and how much memory it takes, on one core
# make bench-record          the same, and its figures go into the guide and the README
# make bench-outputs         what all outputs cost, and how soon an alert is on MQTT
# make bench-alternatives    the same beside SciPy, librosa, torch and CLAP
# make bench-memory          a memory of a year and of ten million sounds; minutes, 6 GB of disk
# make bench-screens         the report of a long recording, the page and the terminal view;
#                            ARGS=--day: the report of a whole day, 8 GB of disk
# make bench-archive         a Lance dataset, and a Ray cluster of one node and of two
# make bench-release         no slower than the release before: the same sound through both
# make gate      the same in a minute, as continuous integration asks it
# make gpu-check             engines, parity, speed and streams on an NVIDIA GPU, in 8 minutes
# make bench-device          measure this machine; its line goes into the guide's table
#
# All of it lives in .venv; PYTHON chooses the interpreter that .venv is made from.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

RUN_PACKAGES := python3-venv libportaudio2
TEST_PACKAGES := $(RUN_PACKAGES) jackd2 espeak-ng mosquitto liblo-tools openssl \
	chromium-headless-shell fonts-dejavu-core ffmpeg strace

.PHONY: faults soak sweep fuzz audit sbom lock test-extras check-arm test-home-assistant demo listen test test-fast lint guide pictures bench \
	bench-alternatives bench-device bench-outputs bench-record \
	bench-memory bench-screens bench-archive bench-release release-before gate gpu-check

demo: $(VENV)/.installed
	$(BIN)/elsa-rt listen --demo --alert-group

listen: $(VENV)/.installed
	$(BIN)/elsa-rt listen $(ARGS)

test: lint
	$(BIN)/python -m pytest -n auto --dist loadfile --ignore tests/live $(ARGS)
	$(BIN)/python -m pytest tests/live

test-fast: $(VENV)/.installed-for-tests
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow" $(ARGS)

lint: $(VENV)/.installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

guide: $(VENV)/.installed-for-tests
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

test-extras: $(VENV)/.installed-for-tests
	$(BIN)/python -m tests.extras

check-arm: $(VENV)/.installed
	.ci/system-packages qemu-user-static mmdebstrap
	$(BIN)/python -m pip install --quiet packaging
	$(BIN)/python -m tests.arm $(ARGS)

# the newest Home Assistant that Python 3.13 runs; it asks for patch releases that it does not need
HOME_ASSISTANT := $(VENV)-home-assistant
HOME_ASSISTANT_PYTHON ?= python3.13
test-home-assistant: $(VENV)/.installed-for-tests
	$(HOME_ASSISTANT_PYTHON) -m venv $(HOME_ASSISTANT)
	$(HOME_ASSISTANT)/bin/pip install --quiet --ignore-requires-python \
		'homeassistant>=2026.1,<2026.3' 'paho-mqtt==2.1.0'
	ELSA_RT_HOME_ASSISTANT=$(HOME_ASSISTANT)/bin/python \
		$(BIN)/python -m pytest tests/live/test_home_assistant.py

pictures: $(VENV)/.installed-for-tests
	$(BIN)/python -m tests.pictures

faults: $(VENV)/.installed-for-tests
	.ci/system-packages faketime
	$(BIN)/python -m tests.faults --write

soak: $(VENV)/.installed-for-tests
	$(BIN)/python -m tests.soak --hours $(or $(HOURS),0.5) $(if $(REALTIME),--realtime)

sweep: $(VENV)/.installed-for-tests
	for signal in TERM INT; do \
		$(BIN)/python -m tests.faults.sweep --count 200 --signal $$signal || exit 1; done

fuzz: $(VENV)/.installed-for-tests
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

audit: $(VENV)/.installed-for-tests
	$(BIN)/python -m pip install --quiet pip-audit bandit
	$(BIN)/bandit --quiet --recursive --severity-level medium elsa_rt
	$(BIN)/python -m tests.audit examples/service/requirements-outputs.txt

sbom: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet cyclonedx-bom
	mkdir -p build
	$(BIN)/cyclonedx-py environment $(BIN)/python --output-file build/sbom.json

# for every Python that elsa-rt runs on, on Linux, x86-64 and ARM
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.10 \
	--generate-hashes --no-annotate --custom-compile-command "make lock"
OUTPUTS := mqtt osc prometheus mcap web
lock: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --output-file examples/service/requirements.txt
	$(LOCK) $(OUTPUTS:%=--extra %) --output-file examples/service/requirements-outputs.txt

bench: $(VENV)/.installed
	for bench in step filters sharing start growth listen_file microphones; do \
		$(BIN)/python -m tests.bench.$$bench || missed=1; done; exit $${missed:-0}

bench-record: $(VENV)/.installed
	-ELSA_RT_BENCH_RECORD=tests/bench/results.json $(MAKE) bench
	$(BIN)/python -m tests.bench.results --write

bench-outputs: $(VENV)/.installed-for-tests
	$(BIN)/python -m tests.bench.outputs

bench-alternatives: $(VENV)/.installed-for-tests
	$(BIN)/python -m pip install --quiet --requirement tests/bench/requirements.txt
	$(BIN)/python -m tests.bench.alternatives

bench-memory: $(VENV)/.installed
	$(BIN)/python -m tests.bench.memory
	$(BIN)/python -m tests.bench.remember

bench-screens: $(VENV)/.installed-for-tests
	for bench in "report $(ARGS)" page terminal; do \
		$(BIN)/python -m tests.bench.$$bench || missed=1; done; exit $${missed:-0}

bench-archive: $(VENV)/.installed-for-tests
	$(BIN)/python -m tests.bench.archive $(ARGS)

RELEASE ?= 6ead6f3

release-before: $(VENV)/.installed
	rm -rf build/release && mkdir -p build/release
	git archive $(RELEASE) elsa_rt calibration/microphones | tar -x -C build/release
	cp -r build/release/calibration/microphones build/release/elsa_rt/microphones

bench-release: release-before
	$(BIN)/python -m tests.bench.release --before build/release $(ARGS)

gate: $(VENV)/.installed
	@if ! git cat-file -e '$(RELEASE)^{commit}' 2>/dev/null; \
	then echo 'not measured: the release before, $(RELEASE), is not in this checkout' \
		'(git fetch --unshallow)'; \
	elif ! $(MAKE) release-before; \
	then echo 'not measured: the release before, $(RELEASE), cannot be set up here'; \
	else $(BIN)/python -m tests.bench.release --before build/release --pairs 3 --seconds 30; fi

gpu-check: $(VENV)/.installed
	$(BIN)/python -m tests.bench.gpu_check --look
	$(BIN)/python -m pip install --quiet --editable '.[tensorrt-rtx]' scipy
	$(BIN)/python -m tests.bench.gpu_check --json gpu-check.json $(ARGS)

bench-device: $(VENV)/.installed
	$(BIN)/elsa-rt bench --json tests/bench/devices.jsonl $(ARGS)
	$(BIN)/python -m tests.bench.devices --write

$(VENV)/.installed: pyproject.toml
	.ci/system-packages $(RUN_PACKAGES)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-for-tests: pyproject.toml .ci/constraints.txt
	.ci/system-packages $(TEST_PACKAGES)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable '.[test,export]'
	touch $@ $(VENV)/.installed
