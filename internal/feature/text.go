package feature

import "sync/atomic"

// ShortText is the length of the longest string, in bytes, that a word holds.
const ShortText = 7

// long marks the word of a string that no word holds: what else stands there is a hash of it.
const long = 1 << 63

// wordOf returns what a value of a column's kind is in a word. A short string is its length in the highest byte above its bytes.
func wordOf(k Kind, v *Val) uint64 {
	switch k {
	case String:
		if len(v.S) > ShortText {
			return hashOf(v.S) | long
		}
		return shortWord(v.S)
	case Object:
		return 0
	default:
		return v.N
	}
}

func shortWord[T string | []byte](s T) uint64 {
	w := uint64(len(s)) << 56
	for i := range len(s) {
		w |= uint64(s[i]) << (8 * i)
	}
	return w
}

// hashOf is FNV-1a, 64 bits.
func hashOf(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// shorts are the short strings that were asked for last: customers have few different ones. A newer takes an older one's place.
var shorts [1 << 10]atomic.Pointer[short]

type short struct {
	word uint64
	text string
}

// shortText returns the string that a word holds.
func shortText(w uint64) string {
	place := &shorts[w*0x9e3779b97f4a7c15>>54]
	if s := place.Load(); s != nil && s.word == w {
		return s.text
	}
	var b [ShortText]byte
	for i := range b {
		b[i] = byte(w >> (8 * i))
	}
	s := &short{word: w, text: string(b[:w>>56])}
	place.Store(s)
	return s.text
}
