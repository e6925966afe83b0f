/** The bytes of a payload, as a view. @throws TypeError if the payload is neither an ArrayBuffer nor a Uint8Array */
export function bytesOf<Memory extends ArrayBufferLike>(payload: Memory | Uint8Array<Memory>): Uint8Array<Memory> {
    if (ArrayBuffer.isView(payload))
        return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
    // Check the tag, because an ArrayBuffer of a frame or a worker is an instance of another class.
    const tag = Object.prototype.toString.call(payload);
    if (tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]")
        return new Uint8Array(payload);
    throw new TypeError("the payload is neither an ArrayBuffer nor a Uint8Array");
}
