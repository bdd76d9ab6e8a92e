package catalog

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/trace"
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
	// Key is where the response is stored, or the index of its variants.
	Key string
	// OpenKey is where everybody's response to the request of a user is stored. It is empty
	// if there can be none.
	OpenKey string
	// Content is the content of a QUERY.
	Content []byte
	Now     time.Time
	// Epoch is the number of invalidations before the request was sent.
	Epoch uint64
	// unwrittenAt is when an invalidation was made that the Store has not taken: responses
	// whose requests were sent until then are not used.
	unwrittenAt time.Time
	// Secretless is true if the Store has not given the secret that the keys need: nothing
	// may be stored or looked up.
	Secretless bool
	Budget     guard.Budget
}

// SetUser sets the user, and the keys that follow from it. public is true if the request may
// be given everybody's responses too.
func (q *Query) SetUser(user string, public bool) {
	q.user, q.OpenKey = user, ""
	q.Key = q.keyOf()
	if public && user != "" {
		q.OpenKey = q.Cat.keys.of(q.Req)
	}
}

// Tell reports a decision to trace.
func (q *Query) Tell(action, reason string, status int, err error, attrs ...slog.Attr) {
	if hook := trace.From(q.Req.Context()); hook != nil {
		e := trace.About(q.Req, "caching", action, reason)
		e.Status, e.Err, e.Attrs = status, err, attrs
		if err != nil && !errors.Is(err, context.Canceled) {
			e.Level = slog.LevelWarn
		}
		hook(e)
	}
}

// keyOf returns where the response to the request is stored, or the index of its variants.
func (q *Query) keyOf() string {
	if q.user == "" && q.Method != MethodQuery {
		return q.Cat.keys.of(q.Req)
	}
	var room [256]byte
	target := AppendTarget(room[:0], q.Req, q.Req.URL.RawQuery)
	if q.Method == MethodQuery {
		content := []string{q.user, q.Req.Header.Get("Content-Type"), q.Req.Header.Get("Content-Encoding"), string(q.Content)}
		return hashKey(keyQuery, target, q.userSecret(), content...)
	}
	return hashKey(keyGet, target, q.userSecret(), q.user)
}

// Target returns the key of the index of all responses for the request's target that have
// keys of their own. Invalidations are noted under it.
func (q *Query) Target() string { return targetKey(q.Req) }

// targetKey returns the key of the index of the target of req.
func targetKey(req *http.Request) string {
	var room [256]byte
	return hashKey(keyUsers, AppendTarget(room[:0], req, req.URL.RawQuery), nil)
}

// PrimaryFor returns where a response with that status and header is stored, or the index
// of its variants, and the No-Vary-Search that the key is made with, if it is.
func (q *Query) PrimaryFor(status int, h http.Header) (key, noVarySearch string) {
	if q.OpenKey != "" {
		if d, _ := policy.ResponseDirectives(h, q.Cat.Cfg.Targeted); policy.IsPublic(status, h, &d) {
			return q.OpenKey, ""
		}
	}
	if values := h["No-Vary-Search"]; q.Cat.noVarySearch && len(values) > 0 {
		if key := q.nvsKeyOf(values); key != "" {
			return key, strings.Join(values, ",")
		}
	}
	return q.Key, ""
}

// SetSelectors gives the record of a response, which is found by way of primary, the key
// and the selectors that follow from the names in its Vary and from the request.
func (q *Query) SetSelectors(r *Record, primary string, names []string) {
	r.Key, r.Selectors = primary, nil
	if len(names) > 0 {
		r.Selectors = policy.SelectorsOf(names, q.Req.Header, q.Hide)
		r.Key = VariantKey(primary, r.Selectors)
	}
}

// listed reports whether a response that is found by way of primary is one of several for
// the same target, so that it has to be in the index of the target.
func (q *Query) listed(primary string) bool {
	return q.Method == MethodQuery || q.user != "" && primary != q.OpenKey
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
func (q *Query) Hide(value string) string { return hide(q.secret(), value) }

// userSecret returns the secret for the keys of a user, nil if there is no user.
func (q *Query) userSecret() []byte {
	if q.user == "" {
		return nil
	}
	return q.secret()
}

// secret returns the key of the hashes that keep users apart. If the Store does not give
// it, secretless is set, and it is a placeholder.
func (q *Query) secret() []byte {
	key, err := q.Cat.Calls.Secret(q.Req.Context(), &q.Budget)
	if err != nil {
		if !q.Secretless {
			q.Tell("store", policy.ReasonNoSecret, 0, err)
		}
		q.Secretless = true
		return placeholder
	}
	return key
}

var placeholder = []byte(rand.Text())
