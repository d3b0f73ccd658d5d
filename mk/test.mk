# Tests. Every runner prints its failures and ends with "N passed, N failed"; tests/run sums up.
.PHONY: tests test check unit check-kernels headers cli hub install-test oracle runners nightly
UNIT_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/unit/*.c))
CHECK_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/check/*.c))

$(BUILD)/unit: $(UNIT_OBJ) $(BUILD)/libcortex.a
	$(CC) $(LDFLAGS_ALL) -o $@ $(UNIT_OBJ) $(BUILD)/libcortex.a $(LIBS) $$($(PKG_CONFIG) --libs cmocka)
$(UNIT_OBJ): CFLAGS_ALL += $(shell $(PKG_CONFIG) --cflags cmocka 2>/dev/null)
$(BUILD)/check: $(CHECK_OBJ) $(BUILD)/libcortex.a
	$(CC) $(LDFLAGS_ALL) -o $@ $(CHECK_OBJ) $(BUILD)/libcortex.a $(LIBS)

# What headers/run and the sanitizers need to know.
export CC CXX LIBS SANFLAGS PKG_CONFIG
export ASAN_OPTIONS ?= detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1

# ONLY='part ...': unit tests whose names contain one of the parts.
RUN_unit := $(BUILD)/unit $(ONLY)
RUN_check-kernels := $(BUILD)/check
RUN_headers := tests/headers/run $(BUILD)
RUN_cli := tests/cli/run $(BUILD)
RUN_hub := tests/hub/run $(BUILD)
RUN_fuzz-replay := tests/fuzz/run replay $(BUILD)
RUN_oracle := tests/oracle/run $(BUILD)
RUN_install-test := tests/install/run $(BUILD)
RUN_runners := tests/self-test
RUNNERS := runners unit check-kernels headers cli hub fuzz-replay install-test oracle
RUNNERS_SAN := $(filter-out $(if $(SAN),headers install-test runners),$(RUNNERS))

TOOLS := $(BUILD)/tools/random-checkpoint
tests: all examples $(TOOLS) $(BUILD)/unit $(BUILD)/check $(FUZZ_REPLAY) ## build all that the tests run
test: tests ## all runners below; what ./test runs
	@tests/run $(foreach r,$(RUNNERS_SAN),"$(RUN_$r)")
check: $(BUILD)/unit $(BUILD)/check ## unit tests and kernels; with ALLOC=fail each allocation fails in turn
	@tests/run $(if $(filter fail,$(ALLOC)),"$(BUILD)/unit alloc_","$(RUN_unit)" "$(RUN_check-kernels)")
unit: $(BUILD)/unit ## unit tests; ONLY='part ...' picks by name
check-kernels: $(BUILD)/check ## every kernel variant of this machine against the reference
headers: all ## each public header alone as C11 and as C++11; all declared functions link
cli: all examples $(TOOLS) ## what the program prints, to the byte
hub: all ## downloads from a hub of our own with every fault (python3)
fuzz-replay: $(FUZZ_REPLAY) ## the fuzzing corpus, without a fuzzer
install-test: all ## install, use what is installed, uninstall
oracle: all ## live comparison with MLX (CORTEX_ORACLE)
runners: ## the runners notice what is wrong
$(RUNNERS):
	@$(RUN_$@)
nightly: ## everything: .ci/run with 10 minutes a fuzz target, 30 GB in 2 GiB, the README in a bare root
	FUZZ_TIME=600 .ci/run
	python3 tests/oracle/oracle_memory.py $(BUILD) --large
	tools/fresh-machine
