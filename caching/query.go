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

// A query is one request as the catalog sees it. It is a value of the request's exchange,
// used by one goroutine at a time; the catalog does not keep it.
type query struct {
	cat *catalog
	req *http.Request
	// method is the method that the stored response answers: GET, HEAD or QUERY.
	method string
	// user names whose responses may be used. It is empty for a request without
	// credentials.
	user string
	// key is where the response is stored, or the index of its variants.
	key string
	// openKey is where everybody's response to the request of a user is stored. It is empty
	// if there can be none.
	openKey string
	// content is the content of a QUERY.
	content []byte
	now     time.Time
	// epoch is the number of invalidations before the request was sent.
	epoch uint64
	// unwrittenAt is when an invalidation was made that the Store has not taken: responses
	// whose requests were sent until then are not used.
	unwrittenAt time.Time
	// secretless is true if the Store has not given the secret that the keys need: nothing
	// may be stored or looked up.
	secretless bool
	budget     budget
}

// setUser sets the user, and the keys that follow from it. public is true if the request may
// be given everybody's responses too.
func (q *query) setUser(user string, public bool) {
	q.user, q.openKey = user, ""
	q.key = q.keyOf()
	if public && user != "" {
		q.openKey = q.cat.keys.of(q.req)
	}
}

// tell reports a decision to trace.
func (q *query) tell(action, reason string, status int, err error) {
	if hook := trace.From(q.req.Context()); hook != nil {
		e := trace.About(q.req, "caching", action, reason)
		e.Status, e.Err = status, err
		hook(e)
	}
}

// keyOf returns where the response to the request is stored, or the index of its variants.
func (q *query) keyOf() string {
	if q.user == "" && q.method != methodQuery {
		return q.cat.keys.of(q.req)
	}
	var room [256]byte
	target := appendTarget(room[:0], q.req, q.req.URL.RawQuery)
	if q.method == methodQuery {
		content := []string{q.user, q.req.Header.Get("Content-Type"), q.req.Header.Get("Content-Encoding"), string(q.content)}
		return hashKey(keyQuery, target, q.userSecret(), content...)
	}
	return hashKey(keyGet, target, q.userSecret(), q.user)
}

// target returns the key of the index of all responses for the request's target that have
// keys of their own. Invalidations are noted under it.
func (q *query) target() string { return targetKey(q.req) }

func targetKey(req *http.Request) string {
	var room [256]byte
	return hashKey(keyUsers, appendTarget(room[:0], req, req.URL.RawQuery), nil)
}

// primaryFor returns where a response with that status and header is stored, or the index
// of its variants, and the No-Vary-Search that the key is made with, if it is.
func (q *query) primaryFor(status int, h http.Header) (key, noVarySearch string) {
	if q.openKey != "" {
		if d, _ := responseDirectives(h, q.cat.cfg.targeted); isPublic(status, h, &d) {
			return q.openKey, ""
		}
	}
	if values := h["No-Vary-Search"]; q.cat.noVarySearch && len(values) > 0 {
		if key := q.nvsKeyOf(values); key != "" {
			return key, strings.Join(values, ",")
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

// listed reports whether a response that is found by way of primary is one of several for
// the same target, so that it has to be in the index of the target.
func (q *query) listed(primary string) bool {
	return q.method == methodQuery || q.user != "" && primary != q.openKey
}

// owner names the user whom a Set-Cookie in the response to the request is for, without
// telling who it is. If unknown is true nobody knows who has signed the request: it is a
// name that no user has.
func (q *query) owner(unknown bool) string {
	switch {
	case unknown:
		return "?"
	case q.user == "":
		return ""
	}
	return q.hide(q.user)
}

// hide returns a keyed hash of a value that must not be stored.
func (q *query) hide(value string) string { return hide(q.secret(), value) }

// userSecret returns the secret for the keys of a user, nil if there is no user.
func (q *query) userSecret() []byte {
	if q.user == "" {
		return nil
	}
	return q.secret()
}

// secret returns the key of the hashes that keep users apart. If the Store does not give
// it, secretless is set, and it is a placeholder.
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

var placeholder = []byte(rand.Text())
