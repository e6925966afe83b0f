-- The format of the points in suite/pc_patch.sql: 16 bytes per point, uncompressed.
CREATE EXTENSION pointcloud SCHEMA public;
INSERT INTO pointcloud_formats (pcid, srid, schema) VALUES (1, 0, $xml$<?xml version="1.0" encoding="UTF-8"?>
<pc:PointCloudSchema xmlns:pc="http://pointcloud.org/schemas/PC/1.1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
	<pc:dimension><pc:position>1</pc:position><pc:size>4</pc:size><pc:name>X</pc:name><pc:interpretation>int32_t</pc:interpretation></pc:dimension>
	<pc:dimension><pc:position>2</pc:position><pc:size>4</pc:size><pc:name>Y</pc:name><pc:interpretation>int32_t</pc:interpretation></pc:dimension>
	<pc:dimension><pc:position>3</pc:position><pc:size>4</pc:size><pc:name>Low</pc:name><pc:interpretation>uint32_t</pc:interpretation></pc:dimension>
	<pc:dimension><pc:position>4</pc:position><pc:size>4</pc:size><pc:name>High</pc:name><pc:interpretation>uint32_t</pc:interpretation></pc:dimension>
	<pc:metadata><Metadata name="compression">none</Metadata></pc:metadata>
</pc:PointCloudSchema>$xml$);
