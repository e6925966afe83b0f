-- Random edits of bytes, the same ones for the same seed
CREATE FUNCTION draw(a bigint, b integer, below bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(a, b) & 9223372036854775807) % below;

-- Change bytes, cut the end, append, cut out of the middle, repeat a part: one
-- to four edits. Of a header of so many bytes one gets a value below the last
-- argument.
CREATE FUNCTION mutate(payload bytea, seed bigint, header integer, header_values integer) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	at integer;
	other integer;
BEGIN
	FOR edit IN 1 .. 1 + draw(seed, 1, 4) LOOP
		at := draw(seed, 10 * edit, octet_length(payload) + 1);
		other := at + draw(seed, 10 * edit + 1, octet_length(payload) - at + 1);
		CASE draw(seed, 10 * edit + 2, 8)
			WHEN 0, 1, 2 THEN
				IF at < octet_length(payload) THEN
					payload := set_byte(payload, at, draw(seed, 10 * edit + 3, 256)::integer);
				END IF;
			WHEN 3 THEN   -- in the header, where it matters most
				IF octet_length(payload) >= header THEN
					payload := set_byte(payload, at % header, draw(seed, 10 * edit + 3, header_values)::integer);
				END IF;
			WHEN 4 THEN payload := substring(payload FOR at);
			WHEN 5 THEN payload := payload || substring(payload FROM at + 1 FOR other - at);
			WHEN 6 THEN payload := substring(payload FOR at) || substring(payload FROM other + 1);
			ELSE payload := overlay(payload PLACING sha256(int8send(seed)) FROM at + 1);
		END CASE;
	END LOOP;
	RETURN payload;
END
$$;
