# Every target first makes what it needs. Settings are LESIONLENS_* variables; docs/index.md leads to them all.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
RUN := .venv/bin/python
INSTALLED := .venv/installed
EXTRAS := $(if $(HEIF),heif) $(if $(DICOM),dicom) $(if $(RAY),ray)
BUILD := $(or $(LESIONLENS_BUILD),build)
STORE := $(or $(LESIONLENS_ARCHIVE),model_store/model-store)
TRAINED := $(BUILD)/model/card.json
ARCHIVE := $(STORE)/melanoma.mar
SAMPLES := web/static/samples/1.jpg
CLUSTER = $(or $(CONTEXT),$(LESIONLENS_CONTEXT))
KUBECTL = $(or $(wildcard .venv/bin/kubectl),kubectl) $(if $(LESIONLENS_KUBECONFIG),--kubeconfig "$(LESIONLENS_KUBECONFIG)")
ROLLOUT = $(if $(CONTEXT),LESIONLENS_CONTEXT="$(CONTEXT)") $(if $(URL),LESIONLENS_URL="$(URL)") $(RUN) -m k8s.rollout
# Hashes of all files of a version: `pip install --require-hashes` takes no other. No index is written down.
COMPILE := build/lock/bin/uv pip compile --quiet --python-version 3.11 --no-header --generate-hashes --no-emit-index-url
# Test processes, each computing with one thread: one more than there are cores, because many tests
# wait. Python keeps what it compiled: the tests start several hundred processes, and each would
# compile the same files again.
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(RUN) -m pytest --dist loadscope --no-loadscope-reorder \
	--numprocesses $(or $(PROCESSES),$(shell echo $$(( $$(nproc) + 1 ))))
# Waiting threads sleep: spinning, they make a forward pass several times slower as soon as
# anything else runs on the same cores. On an idle machine sleeping costs about a fifth.
export OMP_WAIT_POLICY ?= PASSIVE
# NumPy's threads know no policy, only how long they spin: 2^4 cycles instead of 2^26.
export OPENBLAS_THREAD_TIMEOUT ?= 4

# RUNTIME=kserve for whatever starts a server here: serve, demo, loadtest, attack, fuzz and the rest.
ifdef RUNTIME
export LESIONLENS_RUNTIME := $(RUNTIME)
endif

.PHONY: help setup demo data audit train model report explain-report archive serve page key certificate check test lint format loadtest overload attack fuzz images sbom pod publish namespace deploy rollback cluster-test score monitor drift-report dashboards rules thresholds benchmark bench docs tables screenshots samples lock clean

##@ Start here

help: ## Show this list
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

setup: $(INSTALLED) $(EXTRAS:%=.venv/installed-%) ## Create .venv with every package at its fixed version; HEIF=yes also reads HEIC and AVIF, DICOM=yes DICOM; RAY=yes scores with Ray

demo: $(INSTALLED) ## Run everything once: data, training, archive, server, predict, explain
	$(RUN) -m serving.demo

##@ Train

data: $(INSTALLED) ## Find and check the photographs (LESIONLENS_DATA, Kaggle or synthetic)
	$(RUN) -m training data

audit: $(INSTALLED) ## Find near-duplicates among the photographs, and across train and test
	$(RUN) -m training audit

train: $(INSTALLED) ## Fit, calibrate, evaluate and export the model; FINETUNE=head, layer4 or all
	$(RUN) -m training train $(if $(FINETUNE),--finetune $(FINETUNE))

report: $(if $(SCORES),$(INSTALLED),$(TRAINED)) ## Evaluate the trained model: reports/<version>/ with page, plots, numbers, model card, GROUPS=... by group; or SCORES=... with LABELS=...
	$(RUN) -m training report $(if $(GROUPS),--groups "$(GROUPS)") $(if $(SCORES),--scores "$(SCORES)" --labels "$(LABELS)")

explain-report: $(TRAINED) ## Evaluate the explanations: explanations.html in the report's folder (20 minutes)
	$(RUN) -m training explain-report

model: $(TRAINED) ## Train the model, unless it is trained already

archive: $(ARCHIVE) ## Pack the trained model as melanoma.mar (trains first if necessary)

##@ Serve

serve: $(ARCHIVE) ## Serve the archive until Ctrl-C, with TorchServe or RUNTIME=kserve
	@exec $(RUN) -m serving

page: $(SAMPLES) ## Run the upload page alongside `make serve`, until Ctrl-C
	@exec $(RUN) -m web

key: $(INSTALLED) ## List the API keys; NAME=ward-3 makes one, with VERBS=predict EXPIRES=2027-12-31; REVOKE=... revokes one
	@$(RUN) -m serving.front.access $(if $(NAME),--name "$(NAME)") $(if $(VERBS),--verbs "$(VERBS)") \
		$(if $(EXPIRES),--expires "$(EXPIRES)") $(if $(REVOKE),--revoke "$(REVOKE)")

certificate: $(INSTALLED) ## Make a self-signed certificate for a trial of TLS, for this machine's names and NAMES=...
	@$(RUN) -m serving.front.access.certificate --names "$(NAMES)"

##@ Score

score: $(ARCHIVE) ## Score INPUT=... (folder, zip, tar, table, bucket) to OUTPUT=scores.parquet; FEATURES=yes, EXPLAIN=grad_cam, WORKERS=2
	@test -n "$(INPUT)" -a -n "$(OUTPUT)" || { echo "error: name both:" \
		"make score INPUT=photographs OUTPUT=scores.parquet" >&2; exit 2; }
	@$(RUN) -m training.score "$(INPUT)" "$(OUTPUT)" $(if $(FEATURES),--features) \
		$(if $(EXPLAIN),--explain $(EXPLAIN)) $(if $(WORKERS),--workers $(WORKERS))

##@ Check

check: lint $(SAMPLES) ## Check style, types and words, and run all tests but servers, containers, training and long computations
	$(PYTEST) -m "not slow"

test: $(SAMPLES) ## Run every test
	$(PYTEST)

lint: $(INSTALLED) ## Check style, types and words (docs/reference/glossary.md)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m docs.words

format: $(INSTALLED) ## Format the code and fix style errors
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

##@ Load tests

loadtest: $(ARCHIVE) ## Run Locust users on HOST=... or a new local server; SHAPE=steady, spike or soak
	@$(if $(SHAPE),LESIONLENS_LOAD_SHAPE=$(SHAPE)) $(RUN) -m loadtests.run --host "$(HOST)" --metrics "$(METRICS)" \
		$(if $(RESULT),--output $(RESULT))
	@$(if $(RESULT),$(RUN) -m docs.tables)

overload: $(ARCHIVE) ## Load a server with ten times its capacity
	$(RUN) -m loadtests.overload
	$(RUN) -m docs.tables

attack: $(ARCHIVE) ## Run every known attack on a new local server and page (3 minutes)
	$(RUN) -m loadtests.attack

fuzz: $(ARCHIVE) ## Send 20,000 damaged requests to a new local server; REQUESTS=... and SEED=... choose others
	$(RUN) -m loadtests.fuzz $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SEED),--seed $(SEED))

##@ Kubernetes

images: $(SAMPLES) ## Build the container images, or IMAGE=serving; with Docker, podman or buildah
	$(RUN) -m k8s.images $(IMAGE)

sbom: $(INSTALLED) ## Write the images' bills of materials (CycloneDX) to build/sbom
	$(RUN) -m k8s.images --sbom $(IMAGE)

pod: $(INSTALLED) ## Test the image of each runtime as the manifests run it, and its refusals (buildah, podman, runc)
	CI=true $(RUN) -m pytest tests/e2e/test_container.py tests/e2e/test_container_failures.py \
		tests/e2e/test_container_refusals.py

publish: $(ARCHIVE) ## Publish the archive under its digest, for a cluster; OVERLAY=... writes the name to its release.yaml
	@$(if $(RELEASES),LESIONLENS_RELEASES="$(RELEASES)") $(RUN) -m k8s.rollout publish $(OVERLAY)

namespace: $(INSTALLED) ## Create the namespace of OVERLAY=... on the cluster CONTEXT=..., once, as its administrator
	@test -n "$(OVERLAY)" -a -n "$(CLUSTER)" || { echo "error: name both:" \
		"make namespace OVERLAY=local CONTEXT=kind-lesionlens" >&2; exit 2; }
	@$(KUBECTL) --context "$(CLUSTER)" apply --filename "k8s/overlays/$(OVERLAY)/namespace.yaml"

deploy: $(INSTALLED) ## Deploy OVERLAY=local or another, wait, send test requests; CONTEXT=... names the cluster
	@$(ROLLOUT) deploy $(OVERLAY) $(if $(PHOTO),--photograph "$(PHOTO)")

rollback: $(INSTALLED) ## Roll OVERLAY=... back to the previous release
	@$(ROLLOUT) rollback $(OVERLAY) $(if $(PHOTO),--photograph "$(PHOTO)")

cluster-test: $(ARCHIVE) ## Test a cluster with KServe, in a new namespace; CONTEXT=... names it, ONLY=... selects tests, KEEP=yes
	@test -n "$(CLUSTER)" || { echo "error: name the cluster: make cluster-test CONTEXT=kind-lesionlens" >&2; exit 2; }
	@LESIONLENS_CLUSTER_CONTEXT="$(CLUSTER)" LESIONLENS_CLUSTER_ARCHIVE="$(STORE)" \
		$(if $(KEEP),LESIONLENS_CLUSTER_KEEP="$(KEEP)") $(if $(OUTPUT),LESIONLENS_CLUSTER_OUTPUT="$(OUTPUT)") \
		$(RUN) -m pytest tests/cluster --verbose -rN --tb=short -k "$(ONLY)"

##@ Monitoring

monitor: $(INSTALLED) ## Run Prometheus, and Grafana if it is on PATH, alongside `make serve`, until Ctrl-C
	@exec $(RUN) -m monitoring.local

drift-report: $(INSTALLED) ## Compare REFERENCE=... with CURRENT=...: two folders of photographs, two outputs of `make score` or two windows
	@test -n "$(REFERENCE)" -a -n "$(CURRENT)" || { echo "error: name what to compare:" \
		"make drift-report REFERENCE=folder CURRENT=folder, or REFERENCE=-2d/-1d CURRENT=-1d/now" >&2; exit 2; }
	@$(RUN) -m monitoring.drift_report "$(REFERENCE)" "$(CURRENT)"

dashboards: $(INSTALLED) ## Write Grafana's dashboards
	$(RUN) -m monitoring.build dashboards

rules: $(INSTALLED) ## Write Prometheus' rules from objectives.yaml and thresholds.json
	$(RUN) -m monitoring.build rules

thresholds: $(INSTALLED) ## Recalibrate the drift thresholds by resampling (minutes)
	$(RUN) -m monitoring.build thresholds
	$(RUN) -m monitoring.build rules
	$(RUN) -m docs.tables

##@ Benchmarks

benchmark: $(INSTALLED) ## Make the measurement NAME=... and store its result; without a name, list them
	@$(if $(NAME),needs=$$($(RUN) -m benchmarks $(NAME) --needs) && for need in $$needs; do $(MAKE) --no-print-directory $$need || exit; done)
	@$(RUN) -m benchmarks $(NAME)
	@$(if $(NAME),$(RUN) -m docs.tables)

bench: $(ARCHIVE) ## Compare with other servers of the same model (20 minutes), or ONLY="kserve litserve"; continues if interrupted
	@$(RUN) -m benchmarks peers $(if $(ONLY),--only $(ONLY))
	@$(RUN) -m docs.tables

##@ Documentation

docs: $(INSTALLED) ## Build the documentation site in build/site and check its links
	@# Not --quiet: --strict counts only warnings that are printed.
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict
	@echo "open build/site/index.html"

tables: $(INSTALLED) ## Fill the tables of the documents from the committed results
	$(RUN) -m docs.tables

screenshots: $(ARCHIVE) $(SAMPLES) ## Take the documentation's screenshots of the upload page, in Chromium
	$(RUN) -m docs.screenshots

samples: $(SAMPLES) ## Draw the synthetic examples of the upload page

##@ Maintenance

lock: ## Update all locked package versions within requirements.in
	$(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet uv==0.13.9
	$(COMPILE) --universal --upgrade requirements.in --output-file requirements.txt
	for extra in heif dicom ray; do $(COMPILE) --universal --constraint requirements.txt requirements-$$extra.in \
		--output-file requirements-$$extra.txt; done
	for image in serving training page; do $(COMPILE) --python-platform linux --constraint requirements.txt \
		$$(test $$image = serving && echo --override k8s/images/serving/left_out.txt) \
		k8s/images/$$image/requirements.in --output-file k8s/images/$$image/requirements.txt; done
	$(COMPILE) --python-platform linux --constraint requirements.txt --override k8s/images/serving/cuda_left_out.txt \
		k8s/images/serving/cuda.in --output-file k8s/images/serving/cuda.txt
	$(COMPILE) --python-platform linux --constraint requirements.txt --override k8s/images/serving/left_out.txt \
		k8s/images/serving/kserve.in --output-file k8s/images/serving/kserve.txt
	$(COMPILE) --universal --upgrade .github/audit.in --output-file .github/audit.txt

clean: ## Remove generated files, the feature cache included; .venv stays
	rm -rf "$(BUILD)" "$(STORE)" reports .pytest_cache .mypy_cache .ruff_cache

# Written last, so that an interrupted install is repeated.
$(SAMPLES): training/samples.py training/synthetic.py training/pigment.py | $(INSTALLED)
	$(RUN) -m training.samples $(@D)

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
		sys.exit(0 if (3, 11) <= v < (3, 14) else \
		"error: Python 3.11 to 3.13 is needed, this is %d.%d; name another with make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@touch $@

# Separate from the other packages: they are optional, and `make setup` without them does not remove them.
.venv/installed-%: requirements-%.txt | $(INSTALLED)
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--require-hashes --requirement $<
	@touch $@

# A trained model stays until `make train`; changed handlers only need packing again.
$(TRAINED): | $(INSTALLED)
	$(RUN) -m training train

$(ARCHIVE): $(TRAINED) $(wildcard handlers/*.py handlers/*/*.py) training/archive.py | $(INSTALLED)
	$(RUN) -m training archive
