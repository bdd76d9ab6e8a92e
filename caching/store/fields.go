package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/caching/internal/wire"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// Fields are the fields of a header or a trailer, in one piece of memory. They cannot be changed, and
// may be compared with ==. The zero value has no field. What methods return refers to that memory.
type Fields struct {
	// text is the number of names, and for each name, in their order, the name, the number of its
	// values and the values. It is empty if there is no name.
	text string
}

// FieldsOf returns the fields of h. It shares nothing with h. A name without a value is left out.
func FieldsOf(h http.Header) Fields {
	if len(h) == 0 {
		return Fields{}
	}
	// The fields are written in any order and then copied in that of their names. What is sorted are
	// places: to move pointers is work for the garbage collector. Two places fit into the registers
	// of a call.
	type place struct {
		high, low  uint64 // the first bytes of the name, by which most names differ
		start, end int32
	}
	var room [1 << 10]byte
	var placeRoom [32]place
	text, places := room[:0], placeRoom[:0]
	if len(h) > len(placeRoom) {
		text, places = make([]byte, 0, 64*len(h)), make([]place, 0, len(h))
	}
	for name, values := range h {
		if len(values) == 0 {
			continue
		}
		var first [16]byte
		copy(first[:], name)
		p := place{high: binary.BigEndian.Uint64(first[:8]), low: binary.BigEndian.Uint64(first[8:])}
		p.start = int32(len(text)) //nolint:gosec // no header is so long
		text = wire.AppendString(text, name)
		text = binary.AppendUvarint(text, uint64(len(values)))
		for _, v := range values {
			text = wire.AppendString(text, v)
		}
		p.end = int32(len(text)) //nolint:gosec // as above
		places = append(places, p)
	}
	if len(places) == 0 {
		return Fields{}
	}
	slices.SortFunc(places, func(a, b place) int { // equal fields have equal bytes
		if a.high != b.high {
			return cmp.Compare(a.high, b.high)
		}
		if a.low != b.low {
			return cmp.Compare(a.low, b.low)
		}
		return bytes.Compare(beginning(text[a.start:]), beginning(text[b.start:]))
	})
	var number [binary.MaxVarintLen64]byte
	n := binary.AppendUvarint(number[:0], uint64(len(places)))
	var b strings.Builder
	b.Grow(len(n) + len(text))
	b.Write(n)
	for _, p := range places {
		b.Write(text[p.start:p.end])
	}
	return Fields{b.String()}
}

// beginning returns the string that b, in which there are strings, begins with.
func beginning(b []byte) []byte {
	n, size := binary.Uvarint(b)
	return b[size : size+int(n)] //nolint:gosec // a length
}

// All returns the lines: each value with its name. Those of one name follow one another, in their
// order.
func (f Fields) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		names, s := cutNumber(f.text)
		for range names {
			var name, value string
			var values int
			name, s = cutString(s)
			for values, s = cutNumber(s); values > 0; values-- {
				if value, s = cutString(s); !yield(name, value) {
					return
				}
			}
		}
	}
}

// cutNumber and cutString read what Fields have at the beginning of s. They trust s: a hit reads its
// header by them.
func cutNumber(s string) (n int, rest string) {
	if s == "" || s[0] >= 0x80 {
		return cutLong(s)
	}
	return int(s[0]), s[1:]
}

func cutLong(s string) (n int, rest string) {
	d := wire.NewDecoder(s)
	return int(d.Uvarint()), d.Rest() //nolint:gosec // a length
}

func cutString(s string) (text, rest string) {
	n, rest := cutNumber(s)
	return rest[:n], rest[n:]
}

// Len returns the number of names.
func (f Fields) Len() int {
	n, _ := cutNumber(f.text)
	return n
}

// Get returns the first value of the field with a name in canonical form. It is empty if there is
// none.
func (f Fields) Get(name string) string {
	for n, v := range f.All() {
		if n == name {
			return v
		}
	}
	return ""
}

// Has reports whether there is a field with a name in canonical form.
func (f Fields) Has(name string) bool {
	for n := range f.All() {
		if n == name {
			return true
		}
	}
	return false
}

// Values returns the values of the field with a name in canonical form.
func (f Fields) Values(name string) (values []string) {
	for n, v := range f.All() {
		if n == name {
			values = append(values, v)
		}
	}
	return values
}

// Map returns the fields as a new map, nil if there are none.
func (f Fields) Map() http.Header {
	n := f.Len()
	if n == 0 {
		return nil
	}
	h := make(http.Header, n)
	f.Fill(h, make([]string, 0, n))
	return h
}

// Fill sets the fields in h. The values are appended to room, which takes them without an allocation
// if it is large enough.
func (f Fields) Fill(h http.Header, room []string) {
	first, last := 0, ""
	for name, value := range f.All() {
		if name != last {
			first, last = len(room), name
		}
		room = append(room, value)
		h[name] = room[first:len(room):len(room)]
	}
}

// Size returns how many bytes of memory the fields take.
func (f Fields) Size() int { return len(f.text) }

// Format implements [fmt.Formatter]. It prints the number of names only: values may hold secrets.
func (f Fields) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprint(s, f.Len(), " fields")
}

// appendFields appends f in the form that readFields reads.
func appendFields(b []byte, f Fields) []byte {
	if f.text == "" {
		return append(b, 0)
	}
	return append(b, f.text...)
}

// readFields reads fields, and fails if they are none that HTTP allows.
func readFields(d *wire.Decoder) Fields {
	all, last := d.Rest(), ""
	n := d.Length()
	for range n {
		name := d.String()
		count := d.Length()
		if name <= last || count == 0 || !httpfield.IsToken(name) {
			d.Fail()
		}
		for range count {
			if !httpfield.IsValue(d.String()) {
				d.Fail()
			}
		}
		last = name
	}
	if n == 0 || d.Failed() {
		return Fields{}
	}
	return Fields{all[:len(all)-len(d.Rest())]}
}
