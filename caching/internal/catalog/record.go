package catalog

import (
	"cmp"
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
	// Home is the key of the target that the response depends on: Key itself if the entry has
	// the record of the target.
	Home string
	// Index is true if the entry is no response: it is the record of a target alone, or the note
	// of a group.
	Index bool
	// stamp is that of the response.
	stamp
	// target is the record of a target, nil if the entry has none.
	target *target
	// Selectors are the request fields that select the response, if it is a variant.
	Selectors []policy.Selector
	policy.Imposed
	// Owner names the user whom the Set-Cookie of everybody's response is for. It is empty
	// if the request had no credentials.
	Owner string
}

// recordVersion is the first byte of an encoded record. Others are not read.
const recordVersion = 2

const (
	flagIndex = 1 << iota
	flagMustRevalidate
	flagRequested
	flagTarget
	flagInvalidated
	flagLast
)

// appendTo appends r in its stored form.
func (r *Record) appendTo(b []byte) []byte {
	flags, home := byte(0), r.Home
	for i, set := range [...]bool{r.Index, r.MustRevalidate, r.Requested, r.target != nil, r.target != nil && r.target.invalidated} {
		if set {
			flags |= 1 << i
		}
	}
	if home == r.Key {
		home = ""
	}
	b = append(b, recordVersion, flags)
	b = wire.AppendString(wire.AppendString(wire.AppendString(b, r.Key), home), r.Owner)
	b = binary.AppendVarint(b, int64(r.TTL))
	b = appendList(b, r.Selectors, func(b []byte, s policy.Selector) []byte {
		return wire.AppendString(wire.AppendString(b, s.Name), s.Value)
	})
	b = binary.AppendUvarint(appendToken(b, r.gen), uint64(r.rev))
	if r.target != nil {
		b = r.target.appendTo(b)
	}
	return b
}

// parseRecord reads what appendTo has written. ok is false for anything else.
func parseRecord(b string) (r Record, ok bool) {
	d := wire.NewDecoder(b)
	if d.Byte() != recordVersion {
		return Record{}, false
	}
	flags := d.Byte()
	r.Index, r.MustRevalidate, r.Requested = flags&flagIndex != 0, flags&flagMustRevalidate != 0, flags&flagRequested != 0
	r.Key, r.Home, r.Owner = d.String(), d.String(), d.String()
	r.TTL = time.Duration(d.Varint())
	r.Selectors = readList(&d, len(b), func(d *wire.Decoder) policy.Selector { return policy.Selector{Name: d.String(), Value: d.String()} })
	r.stamp = stamp{readToken(&d), readRev(&d)}
	if flags&flagTarget != 0 {
		r.target = readTarget(&d)
		r.target.gen, r.target.invalidated = r.gen, flags&flagInvalidated != 0
	}
	if !d.Done() || flags >= flagLast || r.Home == r.Key || r.Home != "" && r.target != nil {
		return Record{}, false
	}
	r.Home = cmp.Or(r.Home, r.Key)
	return r, true
}

// appendTo appends what the record does not have.
func (t *target) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(t.rev)), uint64(t.hard))
	b = appendList(wire.AppendString(b, t.noVarySearch), t.names, appendToken)
	b = appendList(b, t.sets, func(b []byte, s set) []byte {
		return appendList(append(b, byte(s.audience)), s.names, wire.AppendString[string])
	})
	return appendList(b, t.tags, func(b []byte, g tag) []byte {
		return wire.AppendString(wire.AppendString(wire.AppendString(b, g.etag), g.key), g.base)
	})
}

// readTarget reads what appendTo has written. What is longer than that fails.
func readTarget(d *wire.Decoder) *target {
	t := &target{rev: readRev(d), hard: readRev(d), lists: noLists}
	l := lists{
		noVarySearch: d.String(),
		names:        readList(d, maxNames, readToken),
		sets: readList(d, maxSets*int(audiences), func(d *wire.Decoder) set {
			s := set{audience: audience(d.Byte())}
			if s.audience >= audiences {
				d.Fail()
			}
			s.names = readList(d, len(d.Rest()), (*wire.Decoder).String)
			return s
		}),
		tags: readList(d, maxTags, func(d *wire.Decoder) tag { return tag{d.String(), d.String(), d.String()} }),
	}
	if l.noVarySearch != "" || len(l.names)+len(l.sets)+len(l.tags) > 0 {
		own := l
		t.lists = &own
	}
	return t
}

func appendToken(b []byte, t token) []byte { return append(b, t[:]...) }

func readToken(d *wire.Decoder) (t token) {
	copy(t[:], d.Take(len(t)))
	return t
}

func readRev(d *wire.Decoder) uint32 {
	v := d.Uvarint()
	if v > 1<<32-1 {
		d.Fail()
	}
	return uint32(v) //nolint:gosec // checked
}

// appendList appends the length of a list, and then its values.
func appendList[T any](b []byte, list []T, one func([]byte, T) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, v := range list {
		b = one(b, v)
	}
	return b
}

// readList reads what appendList has appended, if there are at most so many values.
func readList[T any](d *wire.Decoder, most int, one func(*wire.Decoder) T) (list []T) {
	n := d.Length()
	if n > most {
		d.Fail()
	}
	for range n {
		if !d.Failed() {
			list = append(list, one(d))
		}
	}
	return list
}
