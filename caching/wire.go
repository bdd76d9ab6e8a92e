package caching

import "encoding/binary"

// appendString appends the length of s and s to b.
func appendString[T string | []byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// decoder reads what appendString and package [binary] have appended. After the first failure every
// result is zero. It allocates no more than a small multiple of
// what it has yet to read.
type decoder struct {
	b   []byte
	bad bool
}

// newDecoder returns a decoder of b.
func newDecoder(b []byte) decoder { return decoder{b: b} }

// failed reports whether something could not be read.
func (d *decoder) failed() bool { return d.bad }

// done reports whether all of b was read, without a failure.
func (d *decoder) done() bool { return !d.bad && len(d.b) == 0 }

// rest returns what was not read yet.
func (d *decoder) rest() []byte { return d.b }

// fail makes d fail, since a value that was read is out of range.
func (d *decoder) fail() { d.bad, d.b = true, nil }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// length reads how many values follow that take at least one byte each.
func (d *decoder) length() int {
	v := d.uvarint()
	if v > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(v) //nolint:gosec // not larger than a length
}

// bytes reads n bytes. The result is part of b.
func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.fail()
		return nil
	}
	s := d.b[:n]
	d.b = d.b[n:]
	return s
}

func (d *decoder) byte() byte {
	if s := d.bytes(1); len(s) == 1 {
		return s[0]
	}
	return 0
}

// string reads what appendString appended.
func (d *decoder) string() string { return string(d.bytes(d.length())) }
