package wire

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestDecoder(t *testing.T) {
	t.Parallel()
	b := AppendString(nil, "text")
	b = AppendString(b, []byte{})
	b = binary.AppendUvarint(b, 1<<63)
	b = binary.AppendVarint(b, -5)
	b = append(b, 7, 2, 8, 9)
	read := func(b []byte) (d Decoder, equal bool) {
		d = NewDecoder(b)
		equal = d.String() == "text"
		equal = d.String() == "" && equal
		equal = d.Uvarint() == 1<<63 && equal
		equal = d.Varint() == -5 && equal
		equal = d.Byte() == 7 && equal
		return d, d.Take(d.Length()) == "\x08\x09" && equal
	}
	if d, equal := read(b); !equal || !d.Done() || d.Failed() {
		t.Errorf("what was appended is not what is read: %v, %v", equal, d)
	}
	if d, equal := read(append(b, 'x')); !equal || d.Done() || d.Failed() || d.Rest() != "x" {
		t.Errorf("with a byte more: %v, %v", equal, d)
	}
	for n := range b {
		if d, equal := read(b[:n]); equal || d.Done() || !d.Failed() || len(d.Rest()) != 0 {
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
		read func(*Decoder)
	}{
		{"nothing is no byte", nil, func(d *Decoder) { d.Byte() }},
		{"a number that does not end", []byte{0x80}, func(d *Decoder) { d.Uvarint() }},
		{"a number of more than 64 bits", overlong, func(d *Decoder) { d.Uvarint() }},
		{"a signed number that does not end", []byte{0x80}, func(d *Decoder) { d.Varint() }},
		{"a signed number of more than 64 bits", overlong, func(d *Decoder) { d.Varint() }},
		{"more values than bytes: nothing is allocated for them", []byte{3, 0, 0}, func(d *Decoder) { d.Length() }},
		{"a length that is no int", binary.AppendUvarint(nil, 1<<63), func(d *Decoder) { d.Length() }},
		{"a string longer than the rest", []byte{2, 'a'}, func(d *Decoder) { _ = d.String() }},
		{"more bytes than there are", []byte{1}, func(d *Decoder) { d.Take(2) }},
		{"the caller says so", []byte{1}, (*Decoder).Fail},
	} {
		d := NewDecoder(row.b)
		row.read(&d)
		if !d.Failed() || d.Done() || d.Uvarint() != 0 || d.String() != "" || d.Byte() != 0 {
			t.Errorf("%s: %v: no failure, or something is read after it", row.why, row.b)
		}
	}
}
