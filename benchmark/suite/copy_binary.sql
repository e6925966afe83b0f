-- COPY (FORMAT binary) of x, y, phenotypes
--
-- PostgreSQL's binary export, 30 bytes per cell. The server writes to /dev/null:
-- as in the other workloads, no result is sent to the client.
COPY cells (x, y, phenotypes) TO '/dev/null' (FORMAT binary);
