# cell_binary, on PGXS.
#
#	make, make install, make installcheck, make clean: as for any extension;
#	set PG_CONFIG to choose the PostgreSQL
#	make demo   pack one slide on a throwaway server, see demo/demo
#	make api    serve slides from one, with a viewer, see api/README.md
#	make test   run all tests on a throwaway server, see test/README.md
#	make matrix run the tests with PostgreSQL 15, 17, 18 and 19, see scripts/matrix
#	make load   put the service under load, see api/load/README.md
#	make bench  measure against peers on a throwaway server, see benchmark/README.md
#	make perf   a first report of the profiler, see cbperf/README.md
#	make dist   the release archive for PGXN
#	make deb    Debian packages, see scripts/deb

EXTENSION = cell_binary

# The sources are beside this Makefile, or in VPATH; the objects are in the current folder.
SRC := $(patsubst %/,%,$(or $(VPATH),$(dir $(firstword $(MAKEFILE_LIST)))))
C_SOURCES := $(wildcard $(SRC)/src/*.c $(SRC)/src/*/*.c)
C_HEADERS := $(wildcard $(SRC)/src/*.h $(SRC)/src/*/*.h)

EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(SRC)/cell_binary.control)

MODULE_big = cell_binary
OBJS = $(patsubst $(SRC)/%.c,%.o,$(C_SOURCES))
SHLIB_LINK = -lz -lzstd -lbrotlienc -lbrotlidec -lm
PG_CPPFLAGS = -I$(SRC)/src -DCELL_BINARY_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -fvisibility=hidden
# No bitcode: a function that JIT copies out of the library could not call the hidden ones.
override with_llvm = no

DATA = $(patsubst $(SRC)/%,%,$(wildcard $(SRC)/sql/cell_binary--*--*.sql))
DATA_built = sql/cell_binary--$(EXTVERSION).sql
DOCS = CHANGELOG.md $(patsubst $(SRC)/%,%,$(wildcard $(SRC)/docs/*.md $(SRC)/docs/*.jpg))
EXTRA_CLEAN = $(if $(wildcard META.json.in),META.json) cell_binary-$(EXTVERSION).zip deb test/unit/build

REGRESS = $(patsubst $(SRC)/test/sql/%.sql,%,$(sort $(wildcard $(SRC)/test/sql/*.sql)))
REGRESS_OPTS = --inputdir=$(SRC)/test --load-extension=cell_binary

ISOLATION = $(patsubst $(SRC)/test/isolation/specs/%.spec,%,$(sort $(wildcard $(SRC)/test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(SRC)/test/isolation --load-extension=cell_binary

# demo, api, test, load, bench, perf and deb install what is missing, even PGXS itself.
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)

# In a folder of the extension's own: other extensions have a CHANGELOG.md, too.
docmoduledir := extension/cell_binary

$(OBJS): $(C_HEADERS) cell_binary.control

ifneq ($(SRC),.)
$(if $(wildcard $(SRC)/src/*.o),$(error $(SRC) was built in: run make clean there, or make takes its objects))
$(shell mkdir -p sql $(dir $(OBJS)))
endif

# PGXS looks for documents where they are in the tree, and not where it has put them.
uninstall: uninstall-docs
uninstall-docs:
	rm -f $(addprefix '$(DESTDIR)$(docdir)/$(docmoduledir)'/, $(notdir $(DOCS)))
else
.DEFAULT all install installcheck clean:
	$(error "$(PG_CONFIG)" does not lead to the server headers of PostgreSQL: install them (Debian: postgresql-server-dev- and the major version) or set PG_CONFIG)
endif

sql/cell_binary--$(EXTVERSION).sql: sql/cell_binary.sql cell_binary.control
	cp $< $@

# The archive and the packages name their maintainer and the repository: make dist
# MAINTAINER="Name <address>" REPOSITORY=https://..., by default what git knows.
MAINTAINER ?= $(shell git config user.name) <$(shell git config user.email)>
REPOSITORY ?= $(shell git config remote.origin.url)
META.json: META.json.in cell_binary.control
	sed 's|@VERSION@|$(EXTVERSION)|; s|@MAINTAINER@|$(MAINTAINER)|; s|@REPOSITORY@|$(REPOSITORY:.git=)|' $< >$@

check-maintainer: META.json
	@grep -q '"maintainer": "[^"|&]* <[^"]*@[^"]*>"' META.json && grep -q '"homepage": "https\?://[^"@]*"' META.json || \
		{ echo 'make $(MAKECMDGOALS): give MAINTAINER="Name <address>" and REPOSITORY=https://..., without a password' >&2; exit 1; }

# What builds, tests and describes the extension; .gitattributes leaves out what has a package of its own.
dist: check-maintainer
	git archive --format=zip --prefix=cell_binary-$(EXTVERSION)/ --add-file=META.json \
		--output=cell_binary-$(EXTVERSION).zip HEAD

deb: export MAINTAINER := $(MAINTAINER)
deb: override export REPOSITORY := $(REPOSITORY:.git=)
deb: check-maintainer
	scripts/install-dependencies deb
	scripts/deb

demo:
	scripts/install-dependencies build
	demo/demo

api:
	scripts/install-dependencies api
	$(MAKE) -s viewer
	api/demo

# The slide viewer as the service serves it, and what the tests of the decoder need.
VIEWER = api/cell_binary_api/viewer/index.html
viewer: $(VIEWER)
$(VIEWER): $(wildcard api/viewer/*.* api/viewer/public/*.* api/viewer/src/*.* clients/javascript/src/*.*)
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix api/viewer
	npm run --silent build --prefix api/viewer

JS_MODULES = clients/javascript/node_modules/.package-lock.json
$(JS_MODULES): clients/javascript/package-lock.json
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix clients/javascript

# A package build (dh_auto_test calls "make test") neither installs packages nor fetches any: there
# the regression tests run, if the server's programs are there.
PACKAGE_BUILD = $(DESTDIR)$(DEB_BUILD_ARCH)$(DH_INTERNAL_OPTIONS)
test:
ifneq ($(PACKAGE_BUILD),)
	@if [ -x "$(bindir)/initdb" ]; then \
		echo "make test: a package build: only the regression tests run, and nothing is installed"; \
		env -u DESTDIR scripts/sandbox test/run regress; \
	else \
		echo "make test: skipped, a package build without the programs of a PostgreSQL server"; \
	fi
else
	scripts/install-dependencies test
	[ ! -d api ] || $(MAKE) -s -j2 $(VIEWER) $(JS_MODULES) || [ "$$CI" != true ]
	scripts/sandbox --with-shared-data test/run
endif

# MATRIX="12 13" make matrix: only on these releases of Debian
matrix:
	scripts/matrix

load:
	scripts/install-dependencies load
	$(MAKE) -s viewer
	api/load/load

bench:
	scripts/install-dependencies bench
	benchmark/bench

perf:
	scripts/install-dependencies perf
	cbperf/demo

.PHONY: uninstall-docs META.json check-maintainer demo api viewer test matrix load bench perf dist deb
