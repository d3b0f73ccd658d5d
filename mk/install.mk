# Installing. All goes below $(DESTDIR)$(PREFIX); man pages need lowdown.
.PHONY: install uninstall man completions
DESTDIR ?=
bindir = $(DESTDIR)$(PREFIX)/bin
libdir = $(DESTDIR)$(PREFIX)/lib
includedir = $(DESTDIR)$(PREFIX)/include
sharedir = $(DESTDIR)$(PREFIX)/share
INSTALL ?= install
LOWDOWN ?= lowdown
MAN := $(patsubst docs/man/%.md,$(BUILD)/man/%.1,$(wildcard docs/man/*.md))
COMPLETIONS := bash-completion/completions/cortex zsh/site-functions/_cortex fish/vendor_completions.d/cortex.fish

man: $(MAN) ## man pages from docs/man/*.md
$(BUILD)/man/%.1: docs/man/%.md
	@mkdir -p $(@D)
	$(LOWDOWN) -s -Tman --out-no-smarty -M title=$* -M section=1 -M source='Cortex $(VERSION)' -o $@ $<
$(BUILD)/cortex.pc: cortex.pc.in $(BUILD)/flags
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LIBS)|' cortex.pc.in > $@
.PHONY: $(BUILD)/cortex.pc # PREFIX may have changed

install: all man $(BUILD)/cortex.pc ## program, library, headers, man pages, completions, bundled model
	$(INSTALL) -d $(bindir) $(libdir)/pkgconfig $(includedir)/cortex $(sharedir)/man/man1 \
	    $(sharedir)/cortex/models/cortex-stories $(addprefix $(sharedir)/,$(dir $(COMPLETIONS)))
	$(INSTALL) -m 755 $(BUILD)/cortex $(bindir)/cortex
	$(INSTALL) -m 644 $(BUILD)/libcortex.a $(libdir)/libcortex.a
	$(INSTALL) -m 755 $(BUILD)/libcortex.so $(libdir)/libcortex.so.$(VERSION)
	ln -sf libcortex.so.$(VERSION) $(libdir)/$(SONAME)
	ln -sf $(SONAME) $(libdir)/libcortex.so
	$(INSTALL) -m 644 include/cortex/*.h $(includedir)/cortex/
	$(INSTALL) -m 644 $(BUILD)/cortex.pc $(libdir)/pkgconfig/cortex.pc
	$(INSTALL) -m 644 $(MAN) $(sharedir)/man/man1/
	$(INSTALL) -m 644 models/cortex-stories/* $(sharedir)/cortex/models/cortex-stories/
	$(BUILD)/cortex completions bash > $(sharedir)/bash-completion/completions/cortex
	$(BUILD)/cortex completions zsh > $(sharedir)/zsh/site-functions/_cortex
	$(BUILD)/cortex completions fish > $(sharedir)/fish/vendor_completions.d/cortex.fish

uninstall: ## remove what install wrote
	rm -f $(bindir)/cortex $(libdir)/libcortex.a $(libdir)/libcortex.so $(libdir)/$(SONAME) \
	    $(libdir)/libcortex.so.$(VERSION) $(libdir)/pkgconfig/cortex.pc \
	    $(addprefix $(sharedir)/man/man1/,$(notdir $(MAN))) $(addprefix $(sharedir)/,$(COMPLETIONS))
	rm -rf $(includedir)/cortex $(sharedir)/cortex
