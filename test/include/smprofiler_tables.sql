-- The tables in which SMProfiler (formerly SPT) stores the cells of one study, in the current
-- schema: the tables of its data model (package adiscstudies 1.0) with SMProfiler's additions, all
-- with their original names, types and keys.
CREATE TABLE study (study_specifier varchar(512) PRIMARY KEY, institution varchar(512));
CREATE TABLE study_component (primary_study varchar(512), component_study varchar(512));
CREATE TABLE specimen_collection_study (
	name varchar(512) PRIMARY KEY, extraction_method varchar(512), preservation_method varchar(512),
	storage_location varchar, inception_date varchar(512), conclusion_date varchar(512));
CREATE TABLE specimen_collection_process (
	specimen varchar(512) PRIMARY KEY, source varchar(512), source_site varchar, source_age varchar,
	extraction_date varchar(512), study varchar(512) REFERENCES specimen_collection_study ON DELETE CASCADE);
CREATE TABLE specimen_measurement_study (
	name varchar(512) PRIMARY KEY, assay varchar(512), machine varchar(512), software varchar(512),
	inception_date varchar(512), conclusion_date varchar(512));
CREATE TABLE specimen_data_measurement_process (
	identifier varchar(512) PRIMARY KEY, specimen varchar(512) REFERENCES specimen_collection_process ON DELETE CASCADE,
	specimen_age varchar, date_of_measurement varchar(512),
	study varchar(512) REFERENCES specimen_measurement_study ON DELETE CASCADE);
CREATE TABLE data_file (
	sha256_hash varchar(512) PRIMARY KEY, file_name varchar(512), file_format varchar(512),
	contents_format varchar(512), size varchar(512),
	source_generation_process varchar(512) REFERENCES specimen_data_measurement_process ON DELETE CASCADE);
CREATE TABLE histological_structure (identifier varchar(512) PRIMARY KEY, anatomical_entity varchar(512));
CREATE TABLE shape_file (
	identifier varchar(512) PRIMARY KEY, geometry_specification_file_format varchar(512), base64_contents varchar);
CREATE TABLE plane_coordinates_reference_system (
	name varchar(512) PRIMARY KEY, reference_point varchar, reference_point_coordinate_1 numeric,
	reference_point_coordinate_2 numeric, reference_orientation varchar, length_unit varchar);
CREATE TABLE histological_structure_identification (
	histological_structure varchar(512) REFERENCES histological_structure ON DELETE CASCADE,
	data_source varchar(512) REFERENCES data_file ON DELETE CASCADE,
	shape_file varchar(512) REFERENCES shape_file ON DELETE CASCADE,
	plane_coordinates_reference varchar(512) REFERENCES plane_coordinates_reference_system ON DELETE CASCADE,
	identification_method varchar(512), identification_date varchar(512), annotator varchar);
CREATE TABLE chemical_species (
	identifier varchar(512) PRIMARY KEY, symbol varchar, name varchar(512), chemical_structure_class varchar(512));
CREATE TABLE biological_marking_system (
	identifier varchar(512) PRIMARY KEY, target varchar(512) REFERENCES chemical_species ON DELETE CASCADE,
	antibody varchar, marking_mechanism varchar(512),
	study varchar(512) REFERENCES specimen_measurement_study ON DELETE CASCADE);
CREATE TABLE expression_quantification (
	histological_structure varchar(512) REFERENCES histological_structure ON DELETE CASCADE,
	target varchar(512) REFERENCES chemical_species ON DELETE CASCADE,
	quantity numeric, unit varchar(512), quantification_method varchar(512),
	discrete_value varchar(512), discretization_method varchar(512),
	range_identifier_integer serial);
CREATE TABLE range_definitions (
	scope_identifier varchar(512), tablename varchar(512), lowest_value integer, highest_value integer);
