package caching

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestDecoder(t *testing.T) {
	t.Parallel()
	b := appendString(nil, "text")
	b = appendString(b, []byte{})
	b = binary.AppendUvarint(b, 1<<63)
	b = binary.AppendVarint(b, -5)
	b = append(b, 7, 2, 8, 9)
	read := func(b []byte) (d decoder, equal bool) {
		d = newDecoder(b)
		equal = d.string() == "text"
		equal = d.string() == "" && equal
		equal = d.uvarint() == 1<<63 && equal
		equal = d.varint() == -5 && equal
		equal = d.byte() == 7 && equal
		return d, bytes.Equal(d.bytes(d.length()), []byte{8, 9}) && equal
	}
	if d, equal := read(b); !equal || !d.done() || d.failed() {
		t.Errorf("what was appended is not what is read: %v, %v", equal, d)
	}
	if d, equal := read(append(b, 'x')); !equal || d.done() || d.failed() || string(d.rest()) != "x" {
		t.Errorf("with a byte more: %v, %v", equal, d)
	}
	for n := range b {
		if d, equal := read(b[:n]); equal || d.done() || !d.failed() || len(d.rest()) != 0 {
			t.Errorf("the first %d bytes of %d: %v, %v", n, len(b), equal, d)
		}
	}
}

func TestDecoderFails(t *testing.T) {
	t.Parallel()
	overlong := bytes.Repeat([]byte{0xff}, 11)
	for _, row := range []struct {
		why  string
		b    []byte
		read func(*decoder)
	}{
		{"nothing is no byte", nil, func(d *decoder) { d.byte() }},
		{"a number that does not end", []byte{0x80}, func(d *decoder) { d.uvarint() }},
		{"a number of more than 64 bits", overlong, func(d *decoder) { d.uvarint() }},
		{"a signed number that does not end", []byte{0x80}, func(d *decoder) { d.varint() }},
		{"a signed number of more than 64 bits", overlong, func(d *decoder) { d.varint() }},
		{"more values than bytes: nothing is allocated for them", []byte{3, 0, 0}, func(d *decoder) { d.length() }},
		{"a length that is no int", binary.AppendUvarint(nil, 1<<63), func(d *decoder) { d.length() }},
		{"a string longer than the rest", []byte{2, 'a'}, func(d *decoder) { _ = d.string() }},
		{"more bytes than there are", []byte{1}, func(d *decoder) { d.bytes(2) }},
		{"the caller says so", []byte{1}, (*decoder).fail},
	} {
		d := newDecoder(row.b)
		row.read(&d)
		if !d.failed() || d.done() || d.uvarint() != 0 || d.string() != "" || d.byte() != 0 {
			t.Errorf("%s: %v: no failure, or something is read after it", row.why, row.b)
		}
	}
}
