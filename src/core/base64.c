/*
 * base64.c
 *		Bytes from base64.
 */
#include "base64.h"

/* What a character stands for besides the values 0 to 63. */
enum
{
	BLANK = 64,
	PADDING = 65,
	OTHER = 66
};

static inline unsigned
value_of(char character)
{
	static const uint8_t values[256] = {
#define OTHERS_8 OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER
#define OTHERS_32 OTHERS_8, OTHERS_8, OTHERS_8, OTHERS_8
		/* control characters: tab, line feed, carriage return */
		OTHERS_8, OTHER, BLANK, BLANK, OTHER, OTHER, BLANK, OTHER, OTHER, OTHERS_8, OTHERS_8,
		/* from space to / */
		BLANK, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, 62, OTHER, OTHER, OTHER, 63,
		/* from 0 to ? */
		52, 53, 54, 55, 56, 57, 58, 59, 60, 61, OTHER, OTHER, OTHER, PADDING, OTHER, OTHER,
		/* from @ to O, to _ */
		OTHER, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
		15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, OTHER, OTHER, OTHER, OTHER, OTHER,
		/* from ` to o, to delete */
		OTHER, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
		41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, OTHER, OTHER, OTHER, OTHER, OTHER,
		OTHERS_32, OTHERS_32, OTHERS_32, OTHERS_32
	};

	return values[(uint8_t) character];
}

void
cb_base64_init(CbBase64 *decoder, const char *text, size_t length)
{
	*decoder = (CbBase64) {.text = text, .length = length};
}

/* The next character that is no blank, or OTHER at the end of the text. */
static unsigned
next_value(CbBase64 *decoder)
{
	while (decoder->position < decoder->length)
	{
		unsigned	value = value_of(decoder->text[decoder->position]);

		if (value != BLANK)
			return value;
		decoder->position++;
	}
	return OTHER;
}

/*
 * Decode a group with blanks in it, or the last one, which can be padded; the
 * number of bytes is returned, or -1 if it is none.
 */
static int
decode_group(CbBase64 *decoder, uint8_t *to)
{
	uint32_t	bits = 0;
	int			digits = 0;

	for (; digits < 4; digits++)
	{
		unsigned	value = next_value(decoder);

		if (value >= BLANK)
			break;
		bits = bits << 6 | value;
		decoder->position++;
	}

	if (digits < 4)
	{
		if (digits > 0)
		{
			/* Two digits are one byte and leave 4 bits, three are two. */
			if (digits == 1)
				return -1;
			for (int i = digits; i < 4; i++)
			{
				if (next_value(decoder) != PADDING)
					return -1;
				decoder->position++;
			}
			(void) next_value(decoder);
		}
		if (decoder->position < decoder->length)
			return -1;
		decoder->at_end = true;
		if (digits == 0)
			return 0;
		bits <<= 6 * (4 - digits);
	}
	to[0] = (uint8_t) (bits >> 16);
	if (digits > 2)
		to[1] = (uint8_t) (bits >> 8);
	if (digits > 3)
		to[2] = (uint8_t) bits;
	return digits - 1;
}

bool
cb_base64_decode(CbBase64 *decoder, uint8_t *to, size_t room, size_t *count)
{
	*count = 0;
	while (!decoder->at_end && *count < room)
	{
		const char *text = decoder->text + decoder->position;
		int			bytes = 3;
		unsigned	a = OTHER;
		unsigned	b = 0;
		unsigned	c = 0;
		unsigned	d = 0;

		if (decoder->length - decoder->position >= 4)
		{
			a = value_of(text[0]);
			b = value_of(text[1]);
			c = value_of(text[2]);
			d = value_of(text[3]);
		}
		if ((a | b | c | d) < BLANK)
		{
			to[*count] = (uint8_t) (a << 2 | b >> 4);
			to[*count + 1] = (uint8_t) (b << 4 | c >> 2);
			to[*count + 2] = (uint8_t) (c << 6 | d);
			decoder->position += 4;
		}
		else
		{
			bytes = decode_group(decoder, to + *count);
			if (bytes < 0)
				return false;
		}
		*count += (size_t) bytes;
	}
	return true;
}
