# Cortex. `make` builds build/cortex and build/libcortex.{a,so}; `make help` lists the targets.
# Every source file is found by wildcard. A kernel file src/kernels/<arch>/<slot>_<isa>.c gets the
# flags of its suffix; nothing else has ISA flags. Tests, lint, fuzzing and installing: mk/*.mk.
BUILD ?= build
CC ?= cc
CXX ?= c++
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
# Sanitizers and full optimization together take minutes on the unrolled kernels.
OPT ?= $(if $(SAN),-O1,-O2)
WERROR ?= -Werror

comma := ,
ifneq ($(SAN),)
override BUILD := $(BUILD)/san-$(subst $(comma),-,$(SAN))
SANFLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
else
SANFLAGS :=
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2
endif

PKGS := jansson libpcre2-8 libutf8proc libxxhash
# Without these the program is whole but for one thing: it finds models of the hub, and downloads none.
ifeq ($(shell $(PKG_CONFIG) --exists 'libcurl >= 7.66' libcrypto && echo yes),yes)
PKGS += libcurl libcrypto
CPPFLAGS += -DCX_HAVE_CURL
endif
ifeq ($(filter clean help uninstall,$(MAKECMDGOALS)),)
ifneq ($(shell $(PKG_CONFIG) --exists $(PKGS) && echo yes),yes)
$(error a library or pkg-config is missing: run tools/setup, or tools/setup --check to see what)
endif
endif

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla $(WERROR)
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Isrc
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))
CFLAGS_ALL := -std=c11 $(OPT) -g $(WARN) $(HARDEN) $(SANFLAGS) -fPIC -fvisibility=hidden \
    -ffp-contract=off -fno-math-errno $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_ALL := $(SANFLAGS) $(LDFLAGS)
LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS)) -lm -lpthread

# 0.1.0; the soname changes with the first number, before 1.0 with the second.
VERSION := $(shell sed -n 's/^\#define CX_VERSION "\(.*\)"/\1/p' include/cortex/status.h)
SOVERSION := $(if $(filter 0.%,$(VERSION)),$(basename $(VERSION)),$(firstword $(subst ., ,$(VERSION))))
SONAME := libcortex.so.$(SOVERSION)
ifeq ($(shell uname -s),Darwin)
SOFLAGS := -Wl,-install_name,$(PREFIX)/lib/$(SONAME)
else
SOFLAGS := -Wl,-soname,$(SONAME) -Wl,-z,relro,-z,now
EXEFLAGS := -pie -Wl,-z,relro,-z,now
endif

ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)
KERNELS_x86_64 := x86
KERNELS_aarch64 := arm
KERNELS_arm64 := arm
LIB_SRC := $(wildcard $(addprefix src/,$(addsuffix /*.c,base core quant kernels kernels/ref cache \
    format hub text graph graph/ops models gen convert))) \
    $(if $(KERNELS_$(ARCH)),$(wildcard src/kernels/$(KERNELS_$(ARCH))/*.c))
CMD_SRC := $(wildcard cmd/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CMD_OBJ := $(CMD_SRC:%.c=$(BUILD)/%.o)

# ISA flags by the last word of a kernel file's name.
ISA_avx2 := -mavx2 -mfma -mf16c
ISA_avxvnni := $(ISA_avx2) -mavxvnni
ISA_avx512 := $(ISA_avx2) -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd
ISA_vnni512 := $(ISA_avx512) -mavx512vnni
ISA_bf16 := $(ISA_vnni512) -mavx512bf16
ISA_dotprod := -march=armv8.2-a+dotprod
ISA_i8mm := -march=armv8.2-a+dotprod+i8mm
isa = $(if $(filter src/kernels/x86/% src/kernels/arm/%,$1),$(ISA_$(lastword $(subst _, ,$(basename $(notdir $1))))))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all examples clean help FORCE
all: $(BUILD)/libcortex.a $(BUILD)/libcortex.so $(if $(CMD_SRC),$(BUILD)/cortex) ## the program and the library

$(BUILD)/libcortex.a: $(LIB_OBJ) $(BUILD)/sources
	@rm -f $@
	ar rcs $@ $(LIB_OBJ)
$(BUILD)/libcortex.so: $(LIB_OBJ) $(BUILD)/sources
	$(CC) -shared $(SOFLAGS) $(LDFLAGS_ALL) -o $@ $(LIB_OBJ) $(LIBS)
	@ln -sf $(@F) $(@D)/$(SONAME)
$(BUILD)/cortex: $(CMD_OBJ) $(BUILD)/libcortex.a
	$(CC) $(EXEFLAGS) $(LDFLAGS_ALL) -o $@ $(CMD_OBJ) $(BUILD)/libcortex.a $(LIBS)
$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(call isa,$<) -MMD -MP -c -o $@ $<

# A file that changes only when its text does: new flags compile everything again, a source file
# that went away links again.
stamp = @mkdir -p $(@D); echo '$1' | cmp -s - $@ || echo '$1' > $@
$(BUILD)/flags: FORCE
	$(call stamp,$(CC) $(CFLAGS_ALL))
$(BUILD)/sources: FORCE
	$(call stamp,$(LIB_SRC) $(CMD_SRC))

# Examples see what an installed Cortex shows: public headers and the library.
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard examples/*.c))
examples: $(EXAMPLES) ## the example programs
$(BUILD)/examples/%: examples/%.c $(BUILD)/libcortex.a
	@mkdir -p $(@D)
	$(CC) -std=c11 $(OPT) -g $(WARN) $(SANFLAGS) -Iinclude $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/libcortex.a $(LIBS)

# Programs for tests and measurements, over the library's inside.
$(BUILD)/tools/%: $(BUILD)/tools/%.o $(BUILD)/libcortex.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

clean: ## remove what was built
	rm -rf $(BUILD)
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'Variables: CC CXX OPT CFLAGS LDFLAGS BUILD PREFIX DESTDIR, SAN=address,undefined or SAN=thread,'
	@echo '           FUZZ_TIME=60 (seconds per target), ALLOC=fail (with check), ONLY=part (with unit)'

include mk/fuzz.mk mk/test.mk mk/lint.mk mk/install.mk
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
