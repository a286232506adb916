package event

// integer reads a JSON number exactly. floor is the greatest integer that is not above it; exact says that it is the number
// itself, as 3.0 and 1.5e1 are; ok is false where floor does not fit 64 bits.
func integer(number string) (floor int64, exact, ok bool) {
	if n, ok := shortInteger(number); ok {
		return n, true, true
	}
	negative := number[0] == '-'
	if negative {
		number = number[1:]
	}
	mantissa, point := splitNumber(number)
	magnitude, exact, ok := magnitudeOf(mantissa, point)
	switch {
	case !ok:
		return 0, exact, false
	case !negative:
		return int64(magnitude), exact, magnitude < 1<<63
	case exact:
		return int64(-magnitude), true, magnitude <= 1<<63
	default:
		return int64(-magnitude - 1), false, magnitude < 1<<63
	}
}

// shortInteger reads what most integers are: a few digits and nothing else.
func shortInteger(number string) (int64, bool) {
	digits := number
	if digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) > 18 {
		return 0, false
	}
	n := int64(0)
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return 0, false
		}
		n = n*10 + int64(digits[i]-'0')
	}
	if len(digits) < len(number) {
		n = -n
	}
	return n, true
}

// splitNumber cuts the exponent off, and returns behind how many of the mantissa's digits the decimal point stands once the
// exponent has moved it: below 0 or beyond the digits too.
func splitNumber(number string) (mantissa string, point int) {
	end, dot := len(number), -1
	for i := range len(number) {
		if number[i] == '.' {
			dot = i
		} else if number[i]|0x20 == 'e' {
			end = i
			break
		}
	}
	point = end
	if dot >= 0 {
		point = dot
	}
	return number[:end], point + exponentOf(number[end:])
}

// exponentOf reads "e+12", or nothing as 0. A record is too small for a mantissa to make up for an exponent beyond a hundred
// million: the value stops there.
func exponentOf(s string) int {
	exponent, negative := 0, false
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '-':
			negative = true
		case s[i] != '+' && exponent < 1e8:
			exponent = exponent*10 + int(s[i]-'0')
		}
	}
	if negative {
		return -exponent
	}
	return exponent
}

// magnitudeOf returns the digits before the point as a number, and whether there are but zeros behind it.
func magnitudeOf(mantissa string, point int) (n uint64, exact, ok bool) {
	const limit = 1 << 63 / 10 // what can be multiplied by 10 and still have 64 bits
	exact = true
	digits := 0
	for i := range len(mantissa) {
		c := mantissa[i]
		if c == '.' {
			continue
		}
		if digits < point {
			if n > limit {
				return 0, exact, false
			}
			n = n*10 + uint64(c-'0')
		} else if c != '0' {
			exact = false
		}
		digits++
	}
	for ; digits < point && n != 0; digits++ {
		if n > limit {
			return 0, exact, false
		}
		n *= 10
	}
	return n, exact, true
}

// isLong tells a JSON number that may be beyond a double from the many that by their length cannot be.
func isLong(number []byte) bool {
	if len(number) > 300 {
		return true
	}
	for _, c := range number {
		if c|0x20 == 'e' {
			return true
		}
	}
	return false
}
