# Checks of the source text; each prints what is wrong and where. Their own test: lint-test.
.PHONY: lint lint-test check-layers check-size check-format check-man check-links check-symbols format
CLANG_FORMAT ?= clang-format-14
RUN_check-layers := tools/lint/check-layers
RUN_check-size := tools/lint/check-size
RUN_check-format := tools/lint/check-format $(CLANG_FORMAT)
RUN_check-man := tools/lint/check-man $(BUILD)
RUN_check-links := tools/lint/check-links
RUN_check-symbols := tools/lint/check-symbols $(BUILD)/libcortex.so
RUN_lint-test := tools/lint/self-test $(CLANG_FORMAT)
LINTS := check-layers check-size check-format check-man check-links check-symbols lint-test

lint: all ## layers, sizes, style, man pages, exported names
	@tests/run $(foreach l,$(LINTS),"$(RUN_$l)")
check-layers: ## who includes whom
check-size: ## files up to 1000 lines, functions up to 100
check-format: ## clang-format
check-man: all ## a man page for each command, with the options of its table
check-links: ## files that comments and pages name exist
check-symbols: $(BUILD)/libcortex.so ## the shared library exports cx_ names only
lint-test: ## the checks catch what is planted
$(LINTS):
	@$(RUN_$@)
format: all ## rewrite C files and the options in man pages as the checks want them
	@$(RUN_check-format) --write
	@$(RUN_check-man) --write
