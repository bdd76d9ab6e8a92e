package caching

import (
	"encoding/binary"
	"time"
)

// A record is what the catalog knows of an entry beside the response. It is stored in
// [Meta.Extra], where no field of a response can forge it.
type record struct {
	// key is the key that the entry was stored under. Under another key it is not used.
	key string
	// index is true if the entry is an index, and no response.
	index bool
	// variants are those that an index lists, and keys those of the index of a target.
	variants []variant
	keys     []string
	// selectors are the request fields that select the response, if it is a variant.
	selectors []selector
	imposed
	// owner names the user whom the Set-Cookie of everybody's response is for. It is empty
	// if the request had no credentials.
	owner string
	// noVarySearch is the No-Vary-Search that the key was made with, or that an index of a
	// path holds.
	noVarySearch string
}

// recordVersion is the first byte of an encoded record. Others are not read.
const recordVersion = 1

const (
	flagIndex = 1 << iota
	flagSuspect
	flagRequested
	flagOwner
)

// append appends r in its stored form.
func (r *record) append(b []byte) []byte {
	flags := byte(0)
	if r.index {
		flags |= flagIndex
	}
	if r.mustRevalidate {
		flags |= flagSuspect
	}
	if r.requested {
		flags |= flagRequested
	}
	if r.owner != "" {
		flags |= flagOwner
	}
	b = append(b, recordVersion, flags)
	b = appendString(b, r.key)
	if r.owner != "" {
		b = appendString(b, r.owner)
	}
	b = binary.AppendVarint(b, int64(r.ttl))
	b = appendString(b, r.noVarySearch)
	b = appendSelectors(b, r.selectors)
	b = binary.AppendUvarint(b, uint64(len(r.keys)))
	for _, o := range r.keys {
		b = appendString(b, o)
	}
	b = binary.AppendUvarint(b, uint64(len(r.variants)))
	for i := range r.variants {
		v := &r.variants[i]
		b = appendString(b, v.key)
		b = appendString(b, v.etag)
		b = binary.AppendVarint(b, v.date)
		b = appendSelectors(b, v.selectors)
	}
	return b
}

func appendSelectors(b []byte, selectors []selector) []byte {
	b = binary.AppendUvarint(b, uint64(len(selectors)))
	for _, s := range selectors {
		b = appendString(b, s.name)
		b = appendString(b, s.value)
	}
	return b
}

// parseRecord reads what append has written. ok is false for anything else.
func parseRecord(b []byte) (r record, ok bool) {
	d := newDecoder(b)
	if d.byte() != recordVersion {
		return record{}, false
	}
	flags := d.byte()
	r.index, r.mustRevalidate = flags&flagIndex != 0, flags&flagSuspect != 0
	r.requested = flags&flagRequested != 0
	r.key = d.string()
	if flags&flagOwner != 0 {
		r.owner = d.string()
	}
	r.ttl = time.Duration(d.varint())
	r.noVarySearch = d.string()
	r.selectors = readSelectors(&d)
	for range d.length() {
		r.keys = append(r.keys, d.string())
		if d.failed() {
			break
		}
	}
	for range d.length() {
		r.variants = append(r.variants, variant{key: d.string(), etag: d.string(), date: d.varint(), selectors: readSelectors(&d)})
		if d.failed() {
			break
		}
	}
	if !d.done() || flags&^(flagIndex|flagSuspect|flagRequested|flagOwner) != 0 || (flags&flagOwner != 0) != (r.owner != "") {
		return record{}, false
	}
	return r, true
}

func readSelectors(d *decoder) []selector {
	var all []selector
	for range d.length() {
		all = append(all, selector{name: d.string(), value: d.string()})
		if d.failed() {
			return nil
		}
	}
	return all
}
