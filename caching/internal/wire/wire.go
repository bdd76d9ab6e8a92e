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
// every result is zero. It allocates nothing: what it returns are parts of what it reads.
type Decoder struct {
	s   string
	bad bool
}

// NewDecoder returns a decoder of b, of which it makes a string if it is none.
func NewDecoder[T string | []byte](b T) Decoder { return Decoder{s: string(b)} }

// Failed reports whether something could not be read.
func (d *Decoder) Failed() bool { return d.bad }

// Done reports whether all bytes were read, without a failure.
func (d *Decoder) Done() bool { return !d.bad && len(d.s) == 0 }

// Rest returns what was not read yet.
func (d *Decoder) Rest() string { return d.s }

// Fail makes d fail, since a value that was read is out of range.
func (d *Decoder) Fail() { d.bad, d.s = true, "" }

// Uvarint reads what [binary.AppendUvarint] appended.
func (d *Decoder) Uvarint() uint64 {
	if len(d.s) > 0 && d.s[0] < 0x80 { // most numbers are lengths below 128
		v := d.s[0]
		d.s = d.s[1:]
		return uint64(v)
	}
	return d.long()
}

func (d *Decoder) long() uint64 {
	var room [binary.MaxVarintLen64]byte
	v, n := binary.Uvarint(room[:copy(room[:], d.s)])
	if n <= 0 {
		d.Fail()
		return 0
	}
	d.s = d.s[n:]
	return v
}

// Varint reads what [binary.AppendVarint] appended.
func (d *Decoder) Varint() int64 {
	v := d.Uvarint()
	return int64(v>>1) ^ -int64(v&1) //nolint:gosec // as package binary has it
}

// Length reads how many values follow that take at least one byte each.
func (d *Decoder) Length() int {
	v := d.Uvarint()
	if v > uint64(len(d.s)) {
		d.Fail()
		return 0
	}
	return int(v) //nolint:gosec // not larger than a length
}

// Take reads n bytes, n not negative.
func (d *Decoder) Take(n int) string {
	if n > len(d.s) {
		d.Fail()
		return ""
	}
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if s := d.Take(1); s != "" {
		return s[0]
	}
	return 0
}

// String reads what [AppendString] appended.
func (d *Decoder) String() string { return d.Take(d.Length()) }
