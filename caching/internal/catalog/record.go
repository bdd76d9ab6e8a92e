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
	flagOwner
	flagTTL
	flagHome
	flagSelectors
	flagTarget
	flagLast
)

// appendTo appends r in its stored form.
func (r *Record) appendTo(b []byte) []byte {
	flags := uint64(0)
	for i, set := range [...]bool{
		r.Index, r.MustRevalidate, r.Requested, r.Owner != "", r.TTL != 0, r.Home != r.Key, len(r.Selectors) > 0, r.target != nil,
	} {
		if set {
			flags |= 1 << i
		}
	}
	b = binary.AppendUvarint(append(b, recordVersion), flags)
	b = wire.AppendString(b, r.Key)
	if r.Home != r.Key {
		b = wire.AppendString(b, r.Home)
	}
	if r.Owner != "" {
		b = wire.AppendString(b, r.Owner)
	}
	if r.TTL != 0 {
		b = binary.AppendVarint(b, int64(r.TTL))
	}
	if len(r.Selectors) > 0 {
		b = appendSelectors(b, r.Selectors)
	}
	b = binary.AppendUvarint(append(b, r.gen[:]...), uint64(r.rev))
	if r.target != nil {
		b = r.target.appendTo(b)
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
	flags := d.Uvarint()
	has := func(flag uint64) bool { return flags&flag != 0 }
	r.Index, r.MustRevalidate, r.Requested = has(flagIndex), has(flagMustRevalidate), has(flagRequested)
	r.Key = d.String()
	if r.Home = r.Key; has(flagHome) {
		r.Home = d.String()
	}
	if has(flagOwner) {
		r.Owner = d.String()
	}
	if has(flagTTL) {
		r.TTL = time.Duration(d.Varint())
	}
	if has(flagSelectors) {
		r.Selectors = readSelectors(&d)
	}
	r.stamp = stamp{readToken(&d), readRev(&d)}
	if has(flagTarget) {
		r.target = readTarget(&d, r.gen)
	}
	if !d.Done() || flags >= flagLast || has(flagOwner) != (r.Owner != "") || has(flagTTL) != (r.TTL != 0) ||
		has(flagHome) != (r.Home != r.Key) || has(flagSelectors) != (len(r.Selectors) > 0) || has(flagHome) && has(flagTarget) {
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

// appendTo appends t but its generation, which is that of the stamp.
func (t *target) appendTo(b []byte) []byte {
	invalidated := byte(0)
	if t.invalidated {
		invalidated = 1
	}
	b = append(b, invalidated)
	b = binary.AppendUvarint(b, uint64(t.rev))
	b = binary.AppendUvarint(b, uint64(t.hard))
	if len(t.names)+len(t.sets)+len(t.tags)+len(t.noVarySearch) == 0 {
		return b // the common case
	}
	b = wire.AppendString(b, t.noVarySearch)
	b = binary.AppendUvarint(b, uint64(len(t.names)))
	for _, n := range t.names {
		b = append(b, n[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(t.sets)))
	for _, s := range t.sets {
		b = binary.AppendUvarint(append(b, byte(s.audience)), uint64(len(s.names)))
		for _, name := range s.names {
			b = wire.AppendString(b, name)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(t.tags)))
	for _, g := range t.tags {
		b = wire.AppendString(wire.AppendString(wire.AppendString(b, g.etag), g.key), g.base)
	}
	return b
}

// readTarget reads what appendTo has written, which is the end of a record. What is longer than
// appendTo writes fails.
func readTarget(d *wire.Decoder, gen token) *target {
	t := &target{gen: gen}
	switch d.Byte() {
	case 0:
	case 1:
		t.invalidated = true
	default:
		d.Fail()
	}
	t.rev, t.hard = readRev(d), readRev(d)
	if d.Done() {
		return t
	}
	t.noVarySearch = d.String()
	for range atMost(d, maxNames) {
		t.names = append(t.names, readToken(d))
	}
	for range atMost(d, maxSets) {
		s := set{audience: audience(d.Byte())}
		if s.audience > oneQuery {
			d.Fail()
		}
		for range d.Length() {
			s.names = append(s.names, d.String())
		}
		t.sets = append(t.sets, s)
	}
	for range atMost(d, maxTags) {
		t.tags = append(t.tags, tag{d.String(), d.String(), d.String()})
	}
	return t
}

func readToken(d *wire.Decoder) (t token) {
	copy(t[:], d.Bytes(len(t)))
	return t
}

func readRev(d *wire.Decoder) uint32 {
	v := d.Uvarint()
	if v > 1<<32-1 {
		d.Fail()
	}
	return uint32(v) //nolint:gosec // checked
}

// atMost reads the length of a list that has no more than most values.
func atMost(d *wire.Decoder, most int) int {
	n := d.Length()
	if n > most {
		d.Fail()
		return 0
	}
	return n
}
