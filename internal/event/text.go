package event

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// alias returns b as a string without copying it, since copying would cost more than decoding. The string changes where b does.
func alias(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// wordAt returns the eight bytes of b that begin at i, the first one lowest. b must have them: nothing checks it, for a check costs more
// than what is read.
func wordAt(b []byte, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))[:])
}

// appendUnescaped appends the text that the inside of a JSON string stands for; its grammar has been checked. It returns false
// for an escape of half a surrogate pair: there is no such character, and UTF-8 cannot hold it.
func appendUnescaped(dst, raw []byte) ([]byte, bool) {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		if raw[i+1] != 'u' {
			dst = append(dst, escapes[raw[i+1]])
			i += 2
			continue
		}
		r := hexRune(raw[i+2 : i+6])
		i += 6
		if utf16.IsSurrogate(r) {
			if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
				return dst, false
			}
			r = utf16.DecodeRune(r, hexRune(raw[i+2:i+6]))
			if r == utf8.RuneError {
				return dst, false
			}
			i += 6
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

// escapes holds what each letter behind a backslash stands for.
var escapes = ['t' + 1]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// hexRune reads four hexadecimal digits.
func hexRune(digits []byte) rune {
	r := rune(0)
	for _, c := range digits {
		r = r<<4 | hexDigit(c)
	}
	return r
}
