package catalog

import (
	"encoding/binary"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/wire"
)

// A Record is what the catalog knows of an entry beside the response. It is stored in
// [store.Meta.Extra], where no field of a response can forge it.
type Record struct {
	// Key is the key that the entry was stored under. Under another key it is not used.
	Key string
	// Index is true if the entry is an index, and no response.
	Index bool
	// variants are those that an index lists, and keys those of the index of a target.
	variants []policy.Variant
	keys     []string
	// Selectors are the request fields that select the response, if it is a variant.
	Selectors []policy.Selector
	policy.Imposed
	// Owner names the user whom the Set-Cookie of everybody's response is for. It is empty
	// if the request had no credentials.
	Owner string
	// NoVarySearch is the No-Vary-Search that the key was made with, or that an index of a
	// path holds.
	NoVarySearch string
}

// recordVersion is the first byte of an encoded record. Others are not read.
const recordVersion = 1

const (
	flagIndex = 1 << iota
	flagMustRevalidate
	flagRequested
	flagOwner
)

// appendTo appends r in its stored form.
func (r *Record) appendTo(b []byte) []byte {
	flags := byte(0)
	for i, set := range [...]bool{r.Index, r.MustRevalidate, r.Requested, r.Owner != ""} {
		if set {
			flags |= 1 << i
		}
	}
	b = append(b, recordVersion, flags)
	b = wire.AppendString(b, r.Key)
	if r.Owner != "" {
		b = wire.AppendString(b, r.Owner)
	}
	b = binary.AppendVarint(b, int64(r.TTL))
	b = wire.AppendString(b, r.NoVarySearch)
	b = appendSelectors(b, r.Selectors)
	b = binary.AppendUvarint(b, uint64(len(r.keys)))
	for _, o := range r.keys {
		b = wire.AppendString(b, o)
	}
	b = binary.AppendUvarint(b, uint64(len(r.variants)))
	for i := range r.variants {
		v := &r.variants[i]
		b = wire.AppendString(b, v.Key)
		b = wire.AppendString(b, v.Etag)
		b = binary.AppendVarint(b, v.Date)
		b = appendSelectors(b, v.Selectors)
	}
	return b
}

func appendSelectors(b []byte, selectors []policy.Selector) []byte {
	b = binary.AppendUvarint(b, uint64(len(selectors)))
	for _, s := range selectors {
		b = wire.AppendString(b, s.Name)
		b = wire.AppendString(b, s.Value)
	}
	return b
}

// parseRecord reads what appendTo has written. ok is false for anything else.
func parseRecord(b []byte) (r Record, ok bool) {
	d := wire.NewDecoder(b)
	if d.Byte() != recordVersion {
		return Record{}, false
	}
	flags := d.Byte()
	r.Index, r.MustRevalidate, r.Requested = flags&flagIndex != 0, flags&flagMustRevalidate != 0, flags&flagRequested != 0
	r.Key = d.String()
	if flags&flagOwner != 0 {
		r.Owner = d.String()
	}
	r.TTL = time.Duration(d.Varint())
	r.NoVarySearch = d.String()
	r.Selectors = readSelectors(&d)
	for range d.Length() {
		r.keys = append(r.keys, d.String())
	}
	for range d.Length() {
		r.variants = append(r.variants, policy.Variant{Key: d.String(), Etag: d.String(), Date: d.Varint(), Selectors: readSelectors(&d)})
	}
	if !d.Done() || flags&^(flagIndex|flagMustRevalidate|flagRequested|flagOwner) != 0 || (flags&flagOwner != 0) != (r.Owner != "") {
		return Record{}, false
	}
	return r, true
}

func readSelectors(d *wire.Decoder) []policy.Selector {
	var all []policy.Selector
	for range d.Length() {
		all = append(all, policy.Selector{Name: d.String(), Value: d.String()})
	}
	return all
}
