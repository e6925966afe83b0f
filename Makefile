# cell_binary, on PGXS.
#
#	make, make install, make installcheck, make clean: as for any extension;
#	set PG_CONFIG to choose the PostgreSQL
#	make demo   pack one slide on a throwaway server, see demo/demo
#	make api    serve slides from one, with a viewer, see api/README.md
#	make test   run all tests on a throwaway server, see test/README.md
#	make load   put the service under load, see api/load/README.md
#	make bench  measure against peers on a throwaway server, see benchmark/README.md
#	make perf   a first report of the profiler, see cbperf/README.md
#	make dist   the release archive for PGXN

EXTENSION = cell_binary
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" cell_binary.control)

MODULE_big = cell_binary
OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/core/*.c))
SHLIB_LINK = -lz -lzstd -lbrotlienc -lbrotlidec -lm
PG_CPPFLAGS = -DCELL_BINARY_VERSION='"$(EXTVERSION)"'

DATA = $(wildcard sql/cell_binary--*--*.sql)
DATA_built = sql/cell_binary--$(EXTVERSION).sql
EXTRA_CLEAN = META.json cell_binary-$(EXTVERSION).zip test/core/build

REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=cell_binary

ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=cell_binary

# demo, api, test, load, bench and perf install what is missing, even PGXS itself.
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)

$(OBJS) $(OBJS:.o=.bc): $(wildcard src/*.h src/core/*.h) cell_binary.control
else
.DEFAULT all install installcheck clean:
	$(error "$(PG_CONFIG)" does not lead to the server headers of PostgreSQL: install them (Debian: postgresql-server-dev-15) or set PG_CONFIG)
endif

sql/cell_binary--$(EXTVERSION).sql: sql/cell_binary.sql cell_binary.control
	cp $< $@

META.json: META.json.in cell_binary.control
	sed 's/@VERSION@/$(EXTVERSION)/' $< >$@

dist: META.json
	git archive --format=zip --prefix=cell_binary-$(EXTVERSION)/ --add-file=META.json \
		--output=cell_binary-$(EXTVERSION).zip HEAD

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

test:
	scripts/install-dependencies test
	$(MAKE) -s -j2 $(VIEWER) $(JS_MODULES) || [ "$$CI" != true ]
	scripts/sandbox --with-shared-data test/run

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

.PHONY: demo api viewer test load bench perf dist
