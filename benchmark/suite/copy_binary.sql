-- COPY (FORMAT binary) of x, y, phenotypes
--
-- PostgreSQL's own binary export, 30 bytes a cell. The server writes them to
-- /dev/null, so that none are sent, as with the others.
COPY cells (x, y, phenotypes) TO '/dev/null' (FORMAT binary);
