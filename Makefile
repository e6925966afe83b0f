EXTENSION = cell_binary
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" cell_binary.control)

MODULE_big = cell_binary
OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/core/*.c))
PG_CPPFLAGS = -DCELL_BINARY_VERSION='"$(EXTVERSION)"'

DATA = $(wildcard sql/cell_binary--*--*.sql)
DATA_built = sql/cell_binary--$(EXTVERSION).sql
EXTRA_CLEAN = $(DATA_built) META.json tmp

REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=cell_binary

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(wildcard src/*.h src/core/*.h) cell_binary.control

sql/cell_binary--$(EXTVERSION).sql: sql/cell_binary.sql
	cp $< $@
