"""Encode and decode the codings with Python's libraries, which share no code with the extension.

    coder.py check          read lines "coding encoded payload" that the extension encoded; print
                            the number of lines, the number of wrong lines, and their codings
    coder.py encode         print lines "coding encoded payload" for the extension to decode
    coder.py frames         read lines "level frame" of zstd frames; print for each "level window
                            content_size has_checksum"
    coder.py bomb CODING    write 10 GB of zeros in that coding

In lines, bytes are hexadecimal.
"""
import gzip
import random
import sys
import zlib

import brotli
import zstandard


def gzip_of(payload, level):
    return gzip.compress(payload, level)


def zstd_of(payload, level, **parameters):
    return zstandard.ZstdCompressor(level=level, **parameters).compress(payload)


def br_of(payload, level):
    return brotli.compress(payload, quality=level)


def payloads():
    """Payloads of several sizes: zeros, random bytes, and digits. They are the same in each run."""
    draw = random.Random(1)
    for size in (0, 1, 100, 32768, 262144, 262145, 1000000):
        yield bytes(size)
        yield draw.randbytes(size)
        yield b''.join(b'%d,' % draw.randrange(1000) for _ in range(size // 4))


def check():
    decode = {'identity': bytes, 'gzip': gzip.decompress, 'br': brotli.decompress,
              'zstd': lambda encoded: zstandard.ZstdDecompressor().decompress(encoded)}
    lines, wrong = 0, []
    for line in sys.stdin:
        coding, encoded, payload = line.rstrip('\n').split(' ')
        lines += 1
        if decode[coding](bytes.fromhex(encoded)) != bytes.fromhex(payload):
            wrong.append(coding)
    print(lines, len(wrong), *wrong)


def encode():
    def line(coding, encoded, payload):
        print(coding, encoded.hex(), payload.hex())

    for payload in payloads():
        for level in (0, 1, 6, 9):   # level 0 only stores
            line('gzip', gzip_of(payload, level), payload)
        for level in (-5, 1, 3, 15):
            line('zstd', zstd_of(payload, level, write_checksum=level > 1, write_content_size=level != 3), payload)
        for level in (0, 1, 5, 9):
            line('br', br_of(payload, level), payload)
        # several streams, one after another
        half = len(payload) // 2
        line('gzip', b''.join(gzip_of(part, 6) for part in (payload[:half], b'', payload[half:])), payload)
        line('zstd', b''.join(zstd_of(part, 3) for part in (payload[:half], b'', payload[half:])), payload)
    # a gzip header with all optional parts: extra field, name, comment and checksum
    header = b'\x1f\x8b\x08\x1e\x01\x02\x03\x04\x02\x03' + b'\x04\x00abcd' + b'name\x00' + b'comment\x00'
    header += (zlib.crc32(header) & 0xffff).to_bytes(2, 'little')
    line('gzip', header + gzip_of(b'cells', 6)[10:], b'cells')


def frames():
    for line in sys.stdin:
        level, frame = line.rstrip('\n').split(' ')
        parameters = zstandard.get_frame_parameters(bytes.fromhex(frame))
        print(level, parameters.window_size, parameters.content_size, int(parameters.has_checksum))


def bomb(coding):
    encoder = {'gzip': lambda: zlib.compressobj(1, zlib.DEFLATED, 31),
               'zstd': lambda: zstandard.ZstdCompressor().compressobj(),
               'br': lambda: brotli.Compressor(quality=1)}[coding]()
    feed = encoder.process if coding == 'br' else encoder.compress
    zeros = bytes(10 ** 7)
    for _ in range(1000):
        sys.stdout.buffer.write(feed(zeros))
    sys.stdout.buffer.write(encoder.finish() if coding == 'br' else encoder.flush())


{'check': check, 'encode': encode, 'frames': frames, 'bomb': bomb}[sys.argv[1]](*sys.argv[2:])
