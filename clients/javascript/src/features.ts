import { unsignedPhenotypes } from "./phenotypes.js";

const MAX_FEATURES = 64;

/** The features of a study, in the order of their bits.  A payload does not contain their names. */
export class Features {
    /** `names[k]` is the name of the feature of bit k. */
    readonly names: readonly string[];
    readonly #bits = new Map<string, number>();

    /** @throws RangeError if there are more than 64 names, or if a name occurs twice */
    constructor(names: Iterable<string>) {
        if (typeof names === "string") throw new TypeError("names must be an iterable of strings, not one string");
        this.names = Object.freeze([...names]);
        if (this.names.length > MAX_FEATURES)
            throw new RangeError(`there are ${this.names.length} features, more than the limit of 64`);
        this.names.forEach((name, bit) => {
            if (typeof name !== "string") throw new TypeError(`the name of feature ${bit} is not a string: ${name}`);
            const other = this.#bits.get(name);
            if (other !== undefined) throw new RangeError(`features ${other} and ${bit} are both named "${name}"`);
            this.#bits.set(name, bit);
        });
    }

    /**
     * Read the features from the parsed document
     * `{"names": [{"symbol": "CD3", "full_name": ""}, ...]}`.
     * cell_feature_names_json() returns this document, and the HTTP service
     * serves it at /cell-data-binary-feature-names/.
     *
     * @throws TypeError if the document has any other form
     */
    static fromJSON(document: unknown): Features {
        const names = (document as { names?: unknown } | null | undefined)?.names;
        if (!Array.isArray(names))
            throw new TypeError('the names of the features must have the form {"names": [...]}');
        const symbols = names.map((name: { symbol?: unknown } | null, bit) => {
            if (typeof name?.symbol !== "string")
                throw new TypeError(`feature ${bit} must have the form {"symbol": "...", ...}`);
            return name.symbol;
        });
        return new Features(symbols);
    }

    /** The bit of a feature, 0 to 63. @throws RangeError if no feature has this name */
    bit(name: string): number {
        const bit = this.#bits.get(name);
        if (bit === undefined) {
            const known = this.names.map((known) => `"${known}"`).join(", ");
            const features = known ? `the features are ${known}` : "there are no features";
            throw new RangeError(`unknown feature "${name}"; ${features}`);
        }
        return bit;
    }

    /**
     * The phenotypes of a cell that is positive for these features and no others.
     * @throws RangeError if no feature has one of the names
     */
    phenotypes(...names: string[]): bigint {
        return names.reduce((phenotypes, name) => phenotypes | (1n << BigInt(this.bit(name))), 0n);
    }

    /**
     * The names of the features in phenotypes, from the lowest bit up.  Bits
     * without a name are ignored.
     * @throws RangeError if the phenotypes do not fit in 64 bits
     */
    namesOf(phenotypes: bigint): string[] {
        const bits = unsignedPhenotypes(phenotypes);
        return this.names.filter((_, bit) => (bits >> BigInt(bit)) & 1n);
    }
}
