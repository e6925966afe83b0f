// Read payloads of layout arrow with apache-arrow, and compare them with the expected cells, like
// arrow_readers.py.
//
//     arrow_readers.mjs FOLDER
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// Unlike import, require searches NODE_PATH.
const { tableFromIPC } = createRequire(import.meta.url)('apache-arrow');

const [folder] = process.argv.slice(2);
for (const name of readdirSync(folder).filter((file) => file.endsWith('.arrows')).map((file) => file.slice(0, -'.arrows'.length))) {
	try {
		compare(name);
	} catch (error) {
		console.error(`${name}:`, error);
	}
}

function compare(name) {
	// A copy has its own ArrayBuffer.
	const payload = Uint8Array.from(readFileSync(`${folder}/${name}.arrows`));
	const expected = readFileSync(`${folder}/${name}.csv`, 'utf8').split('\n').filter((line) => line !== '');

	const table = tableFromIPC(payload);
	assert.equal(table.batches.length, 1);
	assert.deepEqual(table.schema.fields.map((field) => `${field.name} ${field.type} ${field.nullable}`),
		['cell_id Uint32 false', 'x Int32 false', 'y Int32 false', 'phenotypes Uint64 false']);

	const columns = table.schema.names.map((name) => table.getChild(name).toArray());
	assert.deepEqual(columns.map((column) => column.constructor),
		[Uint32Array, Int32Array, Int32Array, BigUint64Array]);
	for (const column of columns) {
		assert.equal(column.length, expected.length);
		if (column.length > 0) {
			assert.equal(column.buffer, payload.buffer, 'nothing is copied');
			assert.equal(column.byteOffset % 64, 0, 'columns are aligned');
		}
	}

	const [cellIds, xs, ys, masks] = columns;
	expected.forEach((line, row) =>
		assert.equal(`${cellIds[row]},${xs[row]},${ys[row]},${BigInt.asIntN(64, masks[row])}`, line, `row ${row}`));
	console.log(`${name}: ${expected.length}`);
}
