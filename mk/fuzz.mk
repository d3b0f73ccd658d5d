# Fuzzing: tests/fuzz/fuzz_<name>.c is one target, tests/fuzz/corpus/<name>/ holds its seeds.
# `make fuzz` builds library and targets with clang's libFuzzer in a build folder of their own;
# fuzz-replay (mk/test.mk) links the same files to driver.c with any compiler.
.PHONY: fuzz fuzz-targets
FUZZ_TIME ?= 60
FUZZ_CC ?= clang
FUZZ_SAN := fuzzer-no-link,address,undefined
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_REPLAY := $(FUZZ_NAMES:%=$(BUILD)/fuzz/replay_%)

$(BUILD)/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/driver.o $(BUILD)/libcortex.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(BUILD)/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/libcortex.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIBS)
# Kernels see no bytes of a file before they are checked, share nothing between threads, and take
# most of the time to compile: neither fuzzing nor the thread sanitizer looks into them.
$(BUILD)/src/kernels/%.o: CFLAGS_ALL := $(if $(filter thread fuzzer%,$(SAN)),$(filter-out -fsanitize=%,$(CFLAGS_ALL)),$(CFLAGS_ALL))
# libFuzzer calls a function that no header declares.
$(BUILD)/tests/fuzz/%.o: CFLAGS_ALL += -Wno-missing-prototypes

fuzz: ## search each target for FUZZ_TIME seconds under ASan and UBSan (clang)
	@$(MAKE) CC=$(FUZZ_CC) SAN=$(FUZZ_SAN) fuzz-targets
	@tests/fuzz/run search $(BUILD)/san-$(subst $(comma),-,$(FUZZ_SAN)) $(FUZZ_TIME)
fuzz-targets: $(FUZZ_NAMES:%=$(BUILD)/fuzz/fuzz_%)
.SECONDARY: $(FUZZ_NAMES:%=$(BUILD)/tests/fuzz/fuzz_%.o) $(BUILD)/tests/fuzz/driver.o
