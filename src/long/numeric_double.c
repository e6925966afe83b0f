/*
 * numeric_double.c
 *		Converting a stored numeric to double precision.
 *
 * numeric_float8 prints the number and parses the text, which takes longer than
 * all else that a scan does with a row.  Most numbers have few digits, and are
 * an integer below 2^53 times or divided by a power of ten up to 10^22.  All of
 * these are exact in double precision, so that the one multiplication or
 * division rounds correctly, as parsing does (W. D. Clinger, How to Read
 * Floating Point Numbers Accurately, 1990).  numeric_float8 converts all others.
 *
 * A numeric is stored as a header of 2 or 4 bytes and digits of base 10000: see
 * the comment on the format in numeric.c of PostgreSQL, which cannot change
 * without breaking pg_upgrade.
 */
#include "long/numeric_double.h"

#include "utils/fmgrprotos.h"

#define HEADER_SHORT 0x8000		/* a header of 2 bytes, or a special value */
#define HEADER_SPECIAL 0xC000	/* NaN or infinite */
#define HEADER_SIGN_MASK 0xC000
#define SHORT_NEGATIVE 0x2000
#define LONG_NEGATIVE 0x4000
#define SHORT_WEIGHT_SIGN 0x0040
#define SHORT_WEIGHT_MASK 0x003F

#define DIGITS_PER_GROUP 4		/* a digit of base 10000 is a group of these */
#define MOST_GROUPS 5
#define EXACT_INTEGER (UINT64CONST(1) << 53)
#define EXACT_POWER 22

static const double power_of_ten[EXACT_POWER + 1] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

static inline uint16
read_uint16(const uint8 *at)
{
	uint16		value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/*
 * Convert a number that is exact as an integer and a power of ten.  Returns
 * false if it is not.
 */
static bool
convert_exact(const uint8 *bytes, int length, double *number)
{
	uint16		header = read_uint16(bytes);
	bool		is_short = (header & HEADER_SHORT) != 0;
	const uint8 *groups = bytes + (is_short ? 2 : 4);
	int			count = (length - (groups - bytes)) / sizeof(int16);
	bool		negative;
	int			weight;
	uint64		integer = 0;
	uint64		scale = 10000;
	int			exponent;
	uint32		last;

	if (count > MOST_GROUPS || (header & HEADER_SIGN_MASK) == HEADER_SPECIAL)
		return false;
	if (is_short)
	{
		negative = (header & SHORT_NEGATIVE) != 0;
		weight = header & SHORT_WEIGHT_MASK;
		if (header & SHORT_WEIGHT_SIGN)
			weight |= ~SHORT_WEIGHT_MASK;
	}
	else
	{
		negative = (header & HEADER_SIGN_MASK) == LONG_NEGATIVE;
		weight = (int16) read_uint16(bytes + 2);
	}
	if (count == 0)
	{
		*number = 0;
		return true;
	}

	for (int i = 0; i < count - 1; i++)
		integer = 10000 * integer + read_uint16(groups + i * sizeof(int16));
	/* Add the last group without the zeros at its end. */
	last = read_uint16(groups + (count - 1) * sizeof(int16));
	exponent = DIGITS_PER_GROUP * (weight - (count - 1));
	while (last % 10 == 0 && last > 0)
	{
		last /= 10;
		scale /= 10;
		exponent++;
	}
	if (integer > EXACT_INTEGER / scale || abs(exponent) > EXACT_POWER)
		return false;
	integer = integer * scale + last;
	if (integer > EXACT_INTEGER)
		return false;
	*number = exponent < 0 ? (double) integer / power_of_ten[-exponent] :
		(double) integer * power_of_ten[exponent];
	if (negative)
		*number = -*number;
	return true;
}

double
NumericToDouble(const uint8 *value)
{
	const struct varlena *stored = (const struct varlena *) value;
	struct varlena *copy;
	double		number;

	/* VARATT_IS_SHORT is true for a value that is stored out of line, too. */
	if (!VARATT_IS_EXTERNAL(stored) && !VARATT_IS_COMPRESSED(stored) &&
		convert_exact((const uint8 *) VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored), &number))
		return number;
	copy = pg_detoast_datum_copy(unconstify(struct varlena *, stored));
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8, PointerGetDatum(copy)));
	pfree(copy);
	return number;
}
