-- A workload with spans: pack a slide in two layouts, encode it, and send it
SELECT pg_temp.span_begin('pack');
SELECT pg_temp.span_begin('compact');
SELECT octet_length(cell_pack(cell_id, x, y, phenotypes)) FROM cells;
SELECT pg_temp.span_end();
SELECT pg_temp.span_begin('dense');
SELECT octet_length(cell_pack(cell_id, x, y, phenotypes, 'dense')) FROM cells;
SELECT pg_temp.span_end();
SELECT pg_temp.span_end();

SELECT pg_temp.span_begin('pack and code');
SELECT octet_length(cell_encode(cell_pack(cell_id, x, y, phenotypes, 'dense'), 'zstd')) FROM cells;
SELECT pg_temp.span_end();

SELECT pg_temp.span_begin('pack and send');
SELECT cell_pack(cell_id, x, y, phenotypes) FROM cells;
SELECT pg_temp.span_end();
