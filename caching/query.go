package caching

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/trace"
)

// methodQuery is the method QUERY, whose content is part of what is asked for.
const methodQuery = "QUERY"

// query is one request as the catalog sees it. The catalog never keeps it: it is a value
// of whoever asks.
type query struct {
	cat *catalog
	req *http.Request
	// method is GET, HEAD or QUERY for what the cache is asked about.
	method string
	// user is whose responses may be used, empty for everybody's.
	user string
	// key is that of the response, or of the index of its variants.
	key string
	// open is the key of everybody's response to a user's request, empty if there can
	// be none (see [Transport.SharePublic]).
	open string
	// content is that of a QUERY.
	content []byte
	now     time.Time
	// epoch is the number of invalidations before the request was sent.
	epoch uint64
	// undone is when an invalidation was made that the Store did not take: responses to
	// what was asked for until then are not used.
	undone time.Time
	// secretless is true if the Store has not given the secret that the keys need.
	secretless bool
	budget     budget
}

// tell reports a decision to trace.
func (q *query) tell(action, reason string, status int, err error) {
	if hook := trace.From(q.req.Context()); hook != nil {
		e := trace.About(q.req, "caching", action, reason)
		e.Status, e.Err = status, err
		hook(e)
	}
}

// keyOf is the key of the response, or of the list of its variants.
func (q *query) keyOf() string {
	if q.user == "" && q.method != methodQuery {
		return q.cat.keys.of(q.req)
	}
	var room [256]byte
	target := appendTarget(room[:0], q.req, q.req.URL.RawQuery)
	if q.method == methodQuery {
		content := []string{q.user, q.req.Header.Get("Content-Type"), q.req.Header.Get("Content-Encoding"), string(q.content)}
		return hashKey(keyQuery, target, q.secretFor(q.user), content...)
	}
	return hashKey(keyGet, target, q.secretFor(q.user), q.user)
}

func targetKey(req *http.Request) string {
	var room [256]byte
	return hashKey(keyUsers, appendTarget(room[:0], req, req.URL.RawQuery), nil)
}

// target is the key under which all that is stored for the request's target is
// listed and invalidated, whoever it is for.
func (q *query) target() string { return targetKey(q.req) }

// primaryFor is the key under which a response with the header h is stored, or
// its variants are listed.
func (q *query) primaryFor(status int, h http.Header) (key, search string) {
	if q.open != "" {
		if d, _ := responseDirectives(h, q.cat.cfg.targeted); isPublic(status, h, &d) {
			return q.open, ""
		}
	}
	if q.cat.noVarySearch {
		if values := h["No-Vary-Search"]; len(values) > 0 {
			if key := q.searchKeyOf(values); key != "" {
				return key, strings.Join(values, ",")
			}
		}
	}
	return q.key, ""
}

// setSelectors gives the record of a response, which is found by way of primary, the key
// and the selectors that follow from the names in its Vary and from the request.
func (q *query) setSelectors(r *record, primary string, names []string) {
	r.key, r.selectors = primary, nil
	if len(names) > 0 {
		r.selectors = selectorsOf(names, q.req.Header, q.hide)
		r.key = variantKey(primary, r.selectors)
	}
}

// listed reports whether the answer to the request that is stored under primary is
// one of several for the same target: for a user, or for the content of a QUERY.
func (q *query) listed(primary string) bool {
	return q.method == methodQuery || q.user != "" && primary != q.open
}

func (q *query) hide(value string) string { return hide(q.secret(), value) }

func (q *query) secretFor(user string) []byte {
	if user == "" {
		return nil
	}
	return q.secret()
}

// owner names the user whom a Set-Cookie in the response to this request is for. Of
// a request that was signed by nobody knows whom it is a name that no user has.
func (q *query) owner(unknown bool) string {
	switch {
	case unknown:
		return "?"
	case q.user == "":
		return ""
	}
	return q.hide(q.user)
}

// placeholder takes the place of a secret that has not come: nothing is stored or looked
// up under a key that was made with it.
var placeholder = []byte(rand.Text())

// secret returns the key of the hashes that keep users apart. If the Store does not
// give it, q is one to pass the store by.
func (q *query) secret() []byte {
	key, err := q.cat.calls.secret(q.req.Context(), &q.budget)
	if err != nil {
		if !q.secretless {
			q.tell("store", "no secret", 0, err)
		}
		q.secretless = true
		return placeholder
	}
	return key
}
