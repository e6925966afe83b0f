import { PayloadError } from "./errors.js";

/** Check that the id of the cell at a position is above those before it, which are in ids, and put it there. */
export function putId(ids: Uint32Array, position: number, id: number): void {
    if (position > 0 && id <= ids[position - 1]!)
        throw new PayloadError(
            `the cell at position ${position} has cell_id ${id}, which is not above the previous cell_id ${ids[position - 1]}`,
        );
    ids[position] = id;
}
