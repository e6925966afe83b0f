import { unsignedMask } from "./mask.js";

const MOST_FEATURES = 64;

/** The features of a study, whose names are not in a payload, in the order of their bits. */
export class Features {
    /** `names[k]` is that of bit k of a mask. */
    readonly names: readonly string[];
    readonly #bits = new Map<string, number>();

    /** @throws RangeError for more than 64 names, or one that is there twice */
    constructor(names: Iterable<string>) {
        if (typeof names === "string") throw new TypeError("names must be several, not one string");
        this.names = Object.freeze([...names]);
        if (this.names.length > MOST_FEATURES)
            throw new RangeError(`there are ${this.names.length} features, but a mask has 64 bits`);
        this.names.forEach((name, bit) => {
            if (typeof name !== "string") throw new TypeError(`name of feature ${bit} is not a string: ${name}`);
            const other = this.#bits.get(name);
            if (other !== undefined) throw new RangeError(`features ${other} and ${bit} are both named "${name}"`);
            this.#bits.set(name, bit);
        });
    }

    /**
     * The features in `{"names": [{"symbol": "CD3", "full_name": ""}, ...]}`:
     * what cell_feature_names_json() gives and what is served at
     * /cell-data-binary-feature-names/, parsed.
     *
     * @throws TypeError for anything else
     */
    static fromJSON(document: unknown): Features {
        const names = (document as { names?: unknown } | null | undefined)?.names;
        if (!Array.isArray(names)) throw new TypeError('names of features are not {"names": [...]}');
        const symbols = names.map((name: { symbol?: unknown } | null, bit) => {
            if (typeof name?.symbol !== "string") throw new TypeError(`feature ${bit} is not {"symbol": "...", ...}`);
            return name.symbol;
        });
        return new Features(symbols);
    }

    /** The bit of a feature, 0 to 63. @throws RangeError if no feature has that name */
    bit(name: string): number {
        const bit = this.#bits.get(name);
        if (bit === undefined) {
            const known = this.names.map((known) => `"${known}"`).join(", ");
            throw new RangeError(`unknown feature "${name}"; the features are ${known || "none"}`);
        }
        return bit;
    }

    /**
     * The mask of a cell that has these features and no others.
     * @throws RangeError if no feature has one of the names
     */
    mask(...names: string[]): bigint {
        return names.reduce((mask, name) => mask | (1n << BigInt(this.bit(name))), 0n);
    }

    /**
     * The features in a mask, from the lowest bit up.  Bits beyond the last
     * feature have no name and are passed over.
     * @throws RangeError if the mask does not fit in 64 bits
     */
    namesOf(mask: bigint): string[] {
        const bits = unsignedMask(mask);
        return this.names.filter((_, bit) => (bits >> BigInt(bit)) & 1n);
    }
}
