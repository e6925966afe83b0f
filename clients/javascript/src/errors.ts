/** The bytes are not a payload of the layout.  The message says what is wrong, and where. */
export class PayloadError extends Error {
    override name = "PayloadError";
}
