// Package wire is how records are written: it appends strings with their length to bytes, and reads
// them and numbers back from bytes that are not trusted.
package wire

import "encoding/binary"

// AppendString appends the length of s and s to b.
func AppendString[T string | []byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// Decoder reads what [AppendString] and package [binary] have appended. After the first failure
// every result is zero. It allocates no more than a small multiple of what it has yet to read.
type Decoder struct {
	b    []byte
	text string // a copy of what had not been read when Share was called
	bad  bool
}

// NewDecoder returns a decoder of b.
func NewDecoder(b []byte) Decoder { return Decoder{b: b} }

// Share copies the bytes that were not read yet. The strings that are read after that are parts of this
// copy: many strings are one allocation, and each of them keeps all in memory.
func (d *Decoder) Share() { d.text = string(d.b) }

// Failed reports whether something could not be read.
func (d *Decoder) Failed() bool { return d.bad }

// Done reports whether all bytes were read, without a failure.
func (d *Decoder) Done() bool { return !d.bad && len(d.b) == 0 }

// Rest returns the bytes that were not read yet.
func (d *Decoder) Rest() []byte { return d.b }

// Fail makes d fail, since a value that was read is out of range.
func (d *Decoder) Fail() { d.bad, d.b = true, nil }

// Uvarint reads what [binary.AppendUvarint] appended.
func (d *Decoder) Uvarint() uint64 { return number(d, binary.Uvarint) }

// Varint reads what [binary.AppendVarint] appended.
func (d *Decoder) Varint() int64 { return number(d, binary.Varint) }

func number[T uint64 | int64](d *Decoder, read func([]byte) (T, int)) T {
	v, n := read(d.b)
	if n <= 0 {
		d.Fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// Length reads how many values follow that take at least one byte each.
func (d *Decoder) Length() int {
	v := d.Uvarint()
	if v > uint64(len(d.b)) {
		d.Fail()
		return 0
	}
	return int(v) //nolint:gosec // not larger than a length
}

// Bytes reads n bytes, n not negative. The result is a part of the decoder's bytes.
func (d *Decoder) Bytes(n int) []byte {
	if n > len(d.b) {
		d.Fail()
		return nil
	}
	s := d.b[:n]
	d.b = d.b[n:]
	return s
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if s := d.Bytes(1); len(s) == 1 {
		return s[0]
	}
	return 0
}

// String reads what [AppendString] appended.
func (d *Decoder) String() string {
	b := d.Bytes(d.Length())
	if d.text == "" || len(b) == 0 {
		return string(b)
	}
	end := len(d.text) - len(d.b)
	return d.text[end-len(b) : end]
}
