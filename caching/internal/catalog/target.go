package catalog

import (
	"crypto/rand"
	"slices"

	"github.com/tripper-go/tripper/caching/internal/policy"
)

// A token is a random name of a generation, or of an invalidation.
type token [16]byte

func newToken() (t token) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

// A stamp is the state of a target under which the request for a response was sent.
type stamp struct {
	gen token
	rev uint32
}

// A target is what the record of a target says. It is not changed, but replaced: memos share it.
type target struct {
	gen token
	// rev is raised by each mark. A response whose request was sent under a lower one must be
	// revalidated, if it can be. hard is the last that holds for all responses.
	rev, hard uint32
	// invalidated is true if this record, or one that it was made from, was written by an
	// invalidation.
	invalidated bool
	// lists is never nil: most targets have noLists.
	*lists
}

// lists are what few targets have. They are not changed, but replaced.
type lists struct {
	// names are invalidations after which all requests of the generation were sent.
	names []token
	// sets say where there may be responses with entries of their own, newest first.
	sets []set
	// noVarySearch is the field of the responses that URLs share, if the target is a path.
	noVarySearch string
	// tags are entity tags of variants, newest first.
	tags []tag
}

var noLists = new(lists)

// A set stands for the responses of one audience whose Vary has the same names.
type set struct {
	audience audience
	names    []string
}

// An audience is whom a response is for. Each has keys of its own.
type audience byte

const (
	everybody audience = iota
	oneUser
	oneQuery // the requests of one user, or of none, with the same content
	audiences
)

func (s set) equal(o set) bool { return s.audience == o.audience && slices.Equal(s.names, o.names) }

// A tag is the entity tag of the variant under key. It is offered only with requests that have the
// same base: those of its user.
type tag struct{ etag, key, base string }

// maxNames, maxSets and maxTags bound the lists of a record: the sets of each audience.
const (
	maxNames = 64
	maxSets  = 4
	maxTags  = 64
)

// begin returns a record that begins a generation, with the name that is required, if one is, and
// those of the record seen, which may be nil. A response whose request was sent when nothing was
// stored may have been asked for before the invalidation that requires the name: it must not adopt
// such a record.
func begin(name token, seen *target) *target {
	t := &target{gen: newToken(), lists: noLists}
	var names []token
	if name != (token{}) {
		names, t.invalidated = []token{name}, true
	}
	if seen != nil {
		for _, n := range seen.names {
			if len(names) < maxNames && n != name {
				names = append(names, n)
			}
		}
	}
	if len(names) > 0 {
		t.lists = &lists{names: names}
	}
	return t
}

// renewed returns t with another generation, in which there are no responses, for those with a
// No-Vary-Search field.
func (t *target) renewed(noVarySearch string) *target {
	c := *t
	c.gen, c.lists = newToken(), noLists
	if len(t.names) > 0 || noVarySearch != "" {
		c.lists = &lists{names: t.names, noVarySearch: noVarySearch}
	}
	return &c
}

// with returns t with other lists.
func (t *target) with(l lists) *target {
	c := *t
	c.lists = &l
	return &c
}

// marked returns t with a revision under which no request has been sent.
func (t *target) marked(all bool) *target {
	c := *t
	if c.rev++; all {
		c.hard = c.rev
	}
	return &c
}

// has reports whether t has a name, which is zero if none is required.
func (t *target) has(name token) bool { return name == token{} || slices.Contains(t.names, name) }

// outdated reports whether a response must be revalidated. canBe is true if it has a validator.
func (t *target) outdated(s stamp, canBe bool) bool {
	return s.rev < t.hard || canBe && s.rev < t.rev
}

// withSet returns t with a set, in front if it is new.
func (t *target) withSet(s set) *target {
	if slices.ContainsFunc(t.sets, s.equal) {
		return t
	}
	l, n := *t.lists, 1
	l.sets = []set{s}
	for _, o := range t.sets {
		if o.audience == s.audience {
			n++
		}
		if o.audience != s.audience || n <= maxSets {
			l.sets = append(l.sets, o)
		}
	}
	return t.with(l)
}

// withTag returns t with the entity tag of a variant, in front if it is new.
func (t *target) withTag(g tag) *target {
	if g.etag == "" || slices.Contains(t.tags, g) {
		return t
	}
	others := slices.DeleteFunc(slices.Clone(t.tags), func(o tag) bool { return o.key == g.key })
	l := *t.lists
	l.tags = append([]tag{g}, others[:min(len(others), maxTags-1)]...)
	return t.with(l)
}

// withoutTag returns t without the entity tag of the variant under key.
func (t *target) withoutTag(key string) *target {
	is := func(g tag) bool { return g.key == key }
	if !slices.ContainsFunc(t.tags, is) {
		return t
	}
	l := *t.lists
	l.tags = slices.DeleteFunc(slices.Clone(t.tags), is)
	return t.with(l)
}

// superseding returns what t becomes by a response for everybody without Vary. It supersedes the
// variants for everybody, so that a generation begins if there may be some.
func (t *target) superseding() *target {
	if slices.ContainsFunc(t.sets, func(s set) bool { return s.audience == everybody }) {
		return t.renewed("")
	}
	return t
}

// variantsOf returns the variants whose keys were made of base.
func (t *target) variantsOf(base string) (all []policy.Variant) {
	for _, g := range slices.Backward(t.tags) {
		if g.base == base {
			all = append(all, policy.Variant{Key: g.key, Etag: g.etag})
		}
	}
	return all
}

// follow decides under which record a response is stored. seen is the record that was there when its
// request was sent, and now the one that is there; both may be nil. name is the name that the record
// needs, without which seen was not used. shared is true if other processes may use the Store, and
// late if the request was sent longer ago than the record of an invalidation is kept. The result is
// nil if the target may have been invalidated since, else the record, and the revision for the
// response.
func follow(seen, now *target, name token, shared, late bool) (t *target, rev uint32) {
	same := seen != nil && now != nil && seen.gen == now.gen
	switch {
	case same && now.has(name):
		return now, seen.rev
	case shared && !same && (late || seen != nil || now != nil && now.invalidated):
		return nil, 0 // by another process; of a record that is gone or another nobody knows
	case now == nil || !now.has(name):
		return begin(name, seen), 0
	case seen == nil && !now.invalidated:
		return now, 0 // stored meanwhile by another request that found nothing
	}
	return nil, 0
}
