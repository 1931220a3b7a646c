# What `sam build` runs for each function: fills ARTIFACTS_DIR with what Lambda needs, and nothing else.
#
# SAM does not tell a makefile builder the architecture. The template's ContextPath leads it to arm64/Makefile
# or x86_64/Makefile, by the parameter Architecture, and these include this file: the wheels always fit the function.
#
# PYTHON_VERSION is 3.13, as the template says; another one makes an artifact to be run on this machine only.

# Absolute, because SAM runs this in a scratch copy of src/.
PROJECT := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)
PYTHON_VERSION ?= 3.13
PLATFORM := $(if $(filter arm64,$(BUILT_FOR)),aarch64,x86_64)-manylinux_2_28

# uv: the one on PATH, else the project's own, which the project's Makefile brings.
UV := $(or $(shell command -v uv 2>/dev/null),$(PROJECT)/.uv/bin/uv)
# The machine's certificates, as pip uses them (the second name is that of older uv versions).
export UV_SYSTEM_CERTS := true
export UV_NATIVE_TLS := true
unexport VIRTUAL_ENV

# An interpreter of the function's version, to compile with: of the project's environment, else of this machine,
# else a downloaded one. Asked for in the project's folder, where .python-version tells pyenv the same.
FIND_PYTHON = $(UV) run --quiet --no-project --directory "$(PROJECT)" --python $(PYTHON_VERSION) \
    python -c 'import sys; print(sys.executable)'

ifneq ($(filter-out $(BUILT_FOR),$(ARCH)),)
$(error ARCH is $(ARCH), but the template asks for $(BUILT_FOR): run "sam build --parameter-overrides Architecture=$(ARCH)")
endif

# All functions share one artifact.
build-%: | $(UV)
	@$(UV) pip install --quiet --no-deps --require-hashes --only-binary :all: --link-mode copy \
	    --python-version $(PYTHON_VERSION) --python-platform $(PLATFORM) \
	    --target "$(ARTIFACTS_DIR)" --requirements "$(PROJECT)/requirements/lambda.txt"
	@cp -R parser handler "$(PROJECT)/LICENSE" "$(PROJECT)/NOTICE" "$(ARTIFACTS_DIR)"
	@python="$$($(FIND_PYTHON) 2>/dev/null)" || python=python3; \
	    "$$python" "$(PROJECT)/builder/finish.py" "$(ARTIFACTS_DIR)" $(PYTHON_VERSION)

$(PROJECT)/.uv/bin/uv:
	@$(MAKE) --no-print-directory -C "$(PROJECT)" .uv/bin/uv
