-- What a copy of the database of lab.sql must have, too: bytes, ETags, studies and triggers
SET search_path = public, "the imaging";
SELECT study, sample, layout, coding, head.*, md5(cell_data(study, sample, layout, coding))
    FROM unnest(ARRAY['the "study"', 'part', 'view', 'taken']) study, cell_samples(study) sample,
    unnest('{compact,spt,dense,arrow}'::text[]) layout, unnest('{identity,gzip}'::text[]) coding,
    cell_data_head(study, sample, layout, coding) head ORDER BY 1, 2, 3, 4;
SELECT study, names.* FROM unnest(ARRAY['the "study"', 'part']) study, cell_feature_names(study) names;
SELECT cell_subsample_metadata('the "study"', 100), cell_subsample('the "study"', 100, 3);
SELECT sample, md5(payload) FROM packed ORDER BY sample;
SELECT id, study, store, registered_by, payloads FROM cell_study ORDER BY id;
SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname LIKE 'cell_binary%' ORDER BY 1, 2;
