package event

import "math/bits"

// The functions here read JSON as RFC 8259 defines it; whether a string is UTF-8 is not theirs to say. Each takes the index at which
// something begins and returns the index behind it; where the grammar does not allow what stands at p, it returns ^p (negative).

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString begins behind the opening quote and returns the index of the closing one, whether there are escapes between, and bits
// among which is a high one of a byte wherever the string may be other than ASCII.
func skipString(b []byte, i int) (end int, escaped bool, seen uint64) {
	for {
		for ; i+8 <= len(b); i += 8 {
			x := wordAt(b, i)
			seen |= x
			if m := specials(x); m != 0 {
				if i += bits.TrailingZeros64(m) >> 3; b[i] == '"' {
					return i, escaped, seen
				}
				break
			}
		}
		for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
			seen |= uint64(b[i])
			i++
		}
		switch {
		case i >= len(b) || b[i] < ' ':
			return ^i, escaped, seen
		case b[i] == '"':
			return i, escaped, seen
		}
		escaped = true
		if i = skipEscape(b, i+1); i < 0 {
			return i, escaped, seen
		}
	}
}

// highs are the high bits of a word's bytes: ASCII has none.
const highs = 0x8080808080808080

// specials sets the high bit of each byte that ends a run of plain text: a quote, a backslash or a control character. Only the
// lowest bit set is to be relied on. After "Bit Twiddling Hacks" by Sean Eron Anderson, "Determine if a word has a byte less
// than n" and "equal to n"; with its second bit turned over, a quote is what is next to the control characters.
func specials(x uint64) uint64 {
	const ones = 0x0101010101010101
	low := (x ^ ones*2) - ones*('"'^2+1)
	slash := (x ^ ones*'\\') - ones
	return (low | slash) &^ x & highs
}

// skipEscape begins behind the backslash.
func skipEscape(b []byte, i int) int {
	if i >= len(b) {
		return ^i
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			i++
			if i >= len(b) || hexDigit(b[i]) < 0 {
				return ^i
			}
		}
		return i + 1
	default:
		return ^i
	}
}

func hexDigit(c byte) rune {
	switch {
	case isDigit(c):
		return rune(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	default:
		return -1
	}
}

func skipNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b) || !isDigit(b[i]):
		return ^i
	case b[i] == '0':
		i++
	default:
		i = skipDigits(b, i)
	}
	if i < len(b) && b[i] == '.' {
		if i = skipSomeDigits(b, i+1); i < 0 {
			return i
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		i = skipSomeDigits(b, i)
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

// skipSomeDigits asks for at least one.
func skipSomeDigits(b []byte, i int) int {
	if i >= len(b) || !isDigit(b[i]) {
		return ^i
	}
	return skipDigits(b, i)
}

func skipWord(b []byte, i int, word string) int {
	for j := range len(word) {
		if i+j >= len(b) || b[i+j] != word[j] {
			return ^(i + j)
		}
	}
	return i + len(word)
}

// skipColon begins behind a name's closing quote and returns where the value begins.
func skipColon(b []byte, i int) int {
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != ':' {
		return ^i
	}
	return skipSpace(b, i+1)
}
