package catalog

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/tell"
)

// MethodQuery is the method QUERY, whose content is part of what is asked for.
const MethodQuery = "QUERY"

// A Query is one request as the catalog sees it. It is a value of the request's exchange,
// used by one goroutine at a time; the catalog does not keep it.
type Query struct {
	Cat *Catalog
	Req *http.Request
	// Method is the method that the stored response answers: GET, HEAD or QUERY.
	Method string
	// user names whose responses may be used. It is empty for a request without
	// credentials.
	user string
	// Target is the key of the target, under which its record is stored, and the plain response.
	Target string
	// Key names the responses that only requests of the same user, with the same content, are
	// given. If the user is empty and the method is not QUERY it is Target.
	Key string
	// signer is the principal that a layer below signs for, if that is no part of user.
	signer string
	// open is true if the request of a user may be given everybody's response too.
	open bool
	// Content is the content of a QUERY.
	Content []byte
	Now     time.Time
	// Epoch is the number of invalidations before the request was sent.
	Epoch uint64
	// Overtaken is true if another request has invalidated the target after that, and before q did.
	Overtaken bool
	// at is what the last look-up has seen of the target, and path what it has seen of its path.
	at, path view
	// lookup is what is read in the look-up that is being made, and seen what was read in the last one.
	lookup *lookup
	seen   []store.Wanted
	// asked is what the Store was last asked for at once, before an answer was late.
	asked []store.Wanted
	// Secretless is true if the Store has not given the secret that the keys need: nothing
	// may be stored or looked up.
	Secretless bool
	outcome    Outcome
	Budget     guard.Budget
}

// SetUser sets the user, and the keys that follow from it. public is true if the request may
// be given everybody's responses too.
func (q *Query) SetUser(user string, public bool) {
	q.user, q.open = user, public && user != ""
	if q.Method == MethodQuery {
		q.Target, _ = q.Cat.keys.of(q.Req, "", q.getKey)
		q.Key = q.queryKey()
	} else {
		q.Target, q.Key = q.Cat.keys.of(q.Req, user, q.getKey)
	}
}

// SetSigner sets the principal that a layer below signs for, where that is no part of the user.
func (q *Query) SetSigner(principal string) { q.signer = principal }

// Tell counts a decision, and reports it to trace.
func (q *Query) Tell(action, reason string, status int, err error, attrs ...tell.Attr) {
	q.note(action)
	if h := tell.From(q.Req.Context()); h != nil {
		h.Tell(q.Req, tell.Decision{
			Layer: "caching", Action: action, Reason: reason, Status: status, Err: err,
			Warn: err != nil && !errors.Is(err, context.Canceled), Attrs: attrs,
		})
	}
}

// getKey returns the key of the response to a GET by the user, or by anybody if that is empty.
// final is false if the Store has not given the secret that it needs.
func (q *Query) getKey(user string) (key string, final bool) {
	var room [256]byte
	target := AppendTarget(room[:0], q.Req, q.Req.URL.RawQuery)
	if user == "" {
		return hashKey(keyGet, target, nil), true
	}
	return hashKey(keyGet, target, q.keyed(), user), !q.Secretless
}

// queryKey returns the key of the response to a QUERY.
func (q *Query) queryKey() string {
	var room [256]byte
	target := AppendTarget(room[:0], q.Req, q.Req.URL.RawQuery)
	return hashKey(keyQuery, target, q.userKeyed(),
		q.user, q.Req.Header.Get("Content-Type"), q.Req.Header.Get("Content-Encoding"), string(q.Content))
}

// audience returns whom the responses are for that only requests like q are given.
func (q *Query) audience() audience {
	switch {
	case q.Method == MethodQuery:
		return oneQuery
	case q.user != "":
		return oneUser
	}
	return everybody
}

// gets reports whether requests like q may be given responses for a.
func (q *Query) gets(a audience) bool { return a == q.audience() || q.open && a == everybody }

// pathKey returns the key of the target that is the path.
func (q *Query) pathKey() string {
	var room [256]byte
	return hashKey(keyPath, AppendTarget(room[:0], q.Req, ""), nil)
}

// sharedKey returns where a response of that No-Vary-Search is stored. It is empty if the field
// leaves the whole query significant.
func (q *Query) sharedKey(noVarySearch string) string {
	s, ok := policy.ParseNoVarySearch([]string{noVarySearch})
	if !ok || q.Method == MethodQuery {
		return ""
	}
	var room [256]byte
	target := AppendTarget(room[:0], q.Req, s.Normalise(q.Req.URL.RawQuery))
	return hashKey(keyNVS, target, q.userKeyed(), q.user, noVarySearch)
}

// Locate gives the record of a response with that status and header its keys. names are those
// in its Vary.
func (q *Query) Locate(r *Record, status int, h http.Header, names []string) {
	base := q.Key
	r.Home = q.Target
	if q.open && policy.SaysPublic(q.Cat.Cfg, status, h) {
		base = q.Target
	} else if values := h["No-Vary-Search"]; q.Cat.noVarySearch && len(values) > 0 {
		if key := q.sharedKey(strings.Join(values, ",")); key != "" {
			base, r.Home = key, q.pathKey()
		}
	}
	q.selectBy(r, base, names)
}

// Relocate gives the record of a stored response, whose header has become h, its key and selectors
// anew, since its No-Vary-Search or the names in its Vary have changed.
func (q *Query) Relocate(r *Record, h http.Header, names []string) {
	base, _ := q.baseOf(r, strings.Join(h["No-Vary-Search"], ","))
	if base == "" { // the whole query is significant now
		base, r.Home = q.Key, q.Target
	}
	q.selectBy(r, base, names)
}

func (q *Query) selectBy(r *Record, base string, names []string) {
	r.Key, r.Selectors, r.target = base, nil, nil
	if len(names) > 0 {
		r.Selectors = q.Selectors(names)
		r.Key = VariantKey(base, r.Selectors)
	}
}

// Selectors returns the selectors of the request with these names.
func (q *Query) Selectors(names []string) []policy.Selector {
	s := make([]policy.Selector, len(names))
	for i, name := range names {
		s[i] = policy.Selector{Name: name, Value: q.Selecting(name)}
	}
	return s
}

// Selecting returns the value of the selector for the field name. One for a field with credentials
// also stands for those that a layer below adds, which the request has not yet.
func (q *Query) Selecting(name string) string {
	v := policy.Selecting(name, q.Req.Header[name], q.Hide)
	if q.signer != "" && httpfield.CredentialLike(name) {
		return q.Hide(q.signer + "\x00" + v)
	}
	return v
}

// baseOf returns the key that the key of a response was made of, and whom the response is for.
func (q *Query) baseOf(r *Record, noVarySearch string) (string, audience) {
	switch a := q.audience(); {
	case r.Home != q.Target:
		return q.sharedKey(noVarySearch), a
	case q.open && (r.Key == q.Target || len(r.Selectors) > 0 && r.Key == VariantKey(q.Target, r.Selectors)):
		return q.Target, everybody
	default:
		return q.Key, a
	}
}

// ForEverybody reports whether a stored response, which the request of a user has found, is
// everybody's.
func (q *Query) ForEverybody(f *Memo) bool {
	_, a := q.baseOf(&f.Record, "")
	return q.user != "" && a == everybody
}

// Variants returns the variants whose entity tags may be sent with the request: a user's own, since a
// 304 to a user would give everybody's variant what is meant for the user.
func (q *Query) Variants() (all []policy.Variant) {
	if t := q.at.valid; t != nil && len(t.tags) > 0 {
		all = t.variantsOf(q.Key)
	}
	if t := q.path.valid; t != nil && len(t.tags) > 0 {
		all = append(all, t.variantsOf(q.sharedKey(t.noVarySearch))...)
	}
	return all
}

// VaryNames returns the names in the Vary of the responses that were stored for requests like
// q, none if there are none.
func (q *Query) VaryNames() []string {
	for _, v := range [...]*view{&q.at, &q.path} {
		t := v.valid
		for i := 0; t != nil && i < len(t.sets); i++ {
			if a := t.sets[i].audience; a == q.audience() || v == &q.at && q.gets(a) {
				return t.sets[i].names
			}
		}
	}
	return nil
}

// HasVariants reports whether variants are stored for requests like q. Nobody is told of those of
// other users: only a user's own that have an entity tag count.
func (q *Query) HasVariants() bool {
	if q.audience() == everybody {
		return len(q.VaryNames()) > 0
	}
	return len(q.Variants()) > 0
}

// Missing says for what nothing is stored, empty if it is the URL. A look-up has found nothing.
func (q *Query) Missing() string {
	t := q.at.valid
	switch names := q.VaryNames(); {
	case len(names) > 0:
		return "these values of " + strings.Join(names, ", ")
	case t == nil:
		return ""
	case q.Method == MethodQuery:
		return "this content"
	case q.user != "" && (q.at.plain() || len(t.sets) > 0):
		return "these credentials"
	case len(t.sets) > 0:
		return "a request without credentials"
	}
	return ""
}

func namesOf(selectors []policy.Selector) (names []string) {
	for _, s := range selectors {
		names = append(names, s.Name)
	}
	return names
}

// Owner names the user whom a Set-Cookie in the response to the request is for, without
// telling who it is. If unknown is true nobody knows who has signed the request: it is a
// name that no user has.
func (q *Query) Owner(unknown bool) string {
	switch {
	case unknown:
		return "?"
	case q.user == "":
		return ""
	}
	return q.Hide(q.user)
}

// Hide returns a keyed hash of a value that must not be stored.
func (q *Query) Hide(value string) string { return "#" + q.keyed().text(value) }

// userKeyed returns the hasher for the keys of a user, nil if there is no user.
func (q *Query) userKeyed() *hasher {
	if q.user == "" {
		return nil
	}
	return q.keyed()
}

// keyed returns the hasher of the secret by which users are kept apart. If the Store does not
// give the secret, Secretless is set, and the hasher has a placeholder for it.
func (q *Query) keyed() *hasher {
	key, err := q.Cat.Calls.Secret(q.Req.Context(), &q.Budget)
	if err != nil {
		if !q.Secretless {
			q.Tell(policy.ActionStoreError, policy.ReasonNoSecret, 0, err)
		}
		q.Secretless = true
		return placeholder
	}
	return q.Cat.hasherFor(key)
}

var placeholder = &hasher{secret: []byte(rand.Text())}
