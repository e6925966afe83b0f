-- Random edits of bytes. The seed determines the edits.

-- A pseudorandom number from 0 to below - 1
CREATE FUNCTION draw(a bigint, b integer, below bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(a, b) & 9223372036854775807) % below;

-- Make one to four edits: change a byte, cut the end, cut bytes out of the middle, repeat a part,
-- or overwrite bytes. One kind of edit sets a byte in the first "header" bytes to a value below
-- header_values.
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
			WHEN 3 THEN   -- in the header, where an edit matters most
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
