/** Bytes are not a payload of the layout; the message says what is wrong, and where. */
export class PayloadError extends Error {
    override name = "PayloadError";
}
