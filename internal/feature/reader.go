package feature

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrTruncated is returned for an encoding that ends early or does not fit together.
var ErrTruncated = errors.New("the encoded state is damaged")

// Reader reads what the Append functions wrote. After an error every read gives zero, and Err tells.
type Reader struct {
	buf []byte
	err error
}

// NewReader reads from b, which strings alias.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Rest returns the number of bytes that were not read.
func (r *Reader) Rest() int { return len(r.buf) }

// Fail makes the rest of the input an error.
func (r *Reader) Fail() { r.fail() }

func (r *Reader) fail() {
	r.err, r.buf = ErrTruncated, nil
}

// Uint reads an unsigned varint.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// Int reads a signed varint.
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// Count reads the length of a list whose elements take at least one byte each.
func (r *Reader) Count() int { return r.countOf(1) }

// countOf reads the length of a list whose elements take at least size bytes each: no more room is made than the input fills.
func (r *Reader) countOf(size int) int {
	n := r.Uint()
	if n > uint64(len(r.buf)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

// Natural reads an integer that is not negative.
func (r *Reader) Natural() int64 {
	n := r.Uint()
	if n > math.MaxInt64 {
		r.fail()
		return 0
	}
	return int64(n)
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if len(r.buf) == 0 {
		r.fail()
		return 0
	}
	b := r.buf[0]
	r.buf = r.buf[1:]
	return b
}

// Bytes reads n bytes, which alias the input.
func (r *Reader) Bytes(n int) []byte {
	if n < 0 || n > len(r.buf) {
		r.fail()
		return nil
	}
	b := r.buf[:n]
	r.buf = r.buf[n:]
	return b
}

// String reads a string.
func (r *Reader) String() string { return string(r.Bytes(r.Count())) }

// Uint32 reads four bytes.
func (r *Reader) Uint32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads eight bytes.
func (r *Reader) Uint64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// AppendString writes a string with its length.
func AppendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// AppendVal writes a value with its kind. An Object must be a list of strings.
func AppendVal(dst []byte, v Val) []byte {
	dst = append(dst, byte(v.K))
	switch v.K {
	case Bool, Double:
		dst = binary.AppendUvarint(dst, v.N)
	case Int, Moment:
		dst = binary.AppendVarint(dst, v.Int())
	case String:
		dst = AppendString(dst, v.S)
	case Object:
		list, _ := v.R.([]string)
		dst = binary.AppendUvarint(dst, uint64(len(list)))
		for _, s := range list {
			dst = AppendString(dst, s)
		}
	}
	return dst
}

// Val reads a value.
func (r *Reader) Val() Val {
	v := Val{K: Kind(r.Byte())}
	switch v.K {
	case None:
	case Bool:
		if v.N = r.Uint(); v.N > 1 {
			r.fail()
		}
	case Double:
		v.N = r.Uint()
	case Int, Moment:
		v.N = uint64(r.Int())
	case String:
		v.S = r.String()
	case Object:
		v.R = r.strings()
	default:
		r.fail()
	}
	return v
}

func (r *Reader) strings() []string {
	list := make([]string, r.Count())
	for i := range list {
		list[i] = r.String()
	}
	return list
}
