package caching

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"
)

// A search says which parameters of a query matter (No-Vary-Search,
// draft-ietf-httpbis-no-vary-search).
type search struct {
	// none is true if no parameter matters but those in except.
	none   bool
	except []string
	// ignored do not matter.
	ignored []string
	// anyOrder is true if the order of different names does not matter.
	anyOrder bool
}

// parseSearch reads No-Vary-Search. ok is false if it is not valid, or leaves
// everything as it is.
func parseSearch(values []string) (s search, ok bool) {
	if len(values) == 0 {
		return search{}, false
	}
	dict, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return search{}, false
	}
	for _, name := range dict.Names() {
		member, _ := dict.Get(name)
		switch name {
		case "key-order":
			if s.anyOrder, ok = truth(member); !ok {
				return search{}, false
			}
		case "params":
			if s.none, ok = truth(member); ok {
				continue
			}
			if s.ignored, ok = stringList(member); !ok {
				return search{}, false
			}
		case "except":
			if s.except, ok = stringList(member); !ok {
				return search{}, false
			}
		}
	}
	if len(s.except) > 0 && !s.none {
		return search{}, false
	}
	return s, s.none || len(s.ignored) > 0 || s.anyOrder
}

func truth(m httpsfv.Member) (value, ok bool) {
	if item, is := m.(httpsfv.Item); is {
		value, ok = item.Value.(bool)
	}
	return value, ok
}

func stringList(m httpsfv.Member) (list []string, ok bool) {
	inner, ok := m.(httpsfv.InnerList)
	if !ok {
		return nil, false
	}
	for _, item := range inner.Items {
		s, is := item.Value.(string)
		if !is {
			return nil, false
		}
		list = append(list, unescapeQuery(s))
	}
	return list, true
}

func unescapeQuery(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// normalise returns what matters of query. Values are compared as they are
// written, so at worst two that mean the same are taken for different.
func (s *search) normalise(query string) string {
	type pair struct{ name, text string }
	var pairs []pair
	for text := range strings.SplitSeq(query, "&") {
		if text == "" {
			continue
		}
		name, _, _ := strings.Cut(text, "=")
		name = unescapeQuery(name)
		if s.none && !slices.Contains(s.except, name) || slices.Contains(s.ignored, name) {
			continue
		}
		pairs = append(pairs, pair{name, text})
	}
	if s.anyOrder {
		slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	}
	texts := make([]string, len(pairs))
	for i, p := range pairs {
		texts[i] = p.text
	}
	return strings.Join(texts, "&")
}

// searchKeyOf is the key of what the request's query comes to under the
// No-Vary-Search in values, "" if that says nothing.
func (x *exchange) searchKeyOf(values []string) string {
	s, ok := parseSearch(values)
	if !ok || x.method == methodQuery {
		return ""
	}
	var room [256]byte
	target := appendTarget(room[:0], x.req, s.normalise(x.req.URL.RawQuery))
	return hashKey(keySearch, target, x.secretFor(x.user), x.user, strings.Join(values, ","))
}

// searchIndex is where the last No-Vary-Search of the request's path is kept.
func (x *exchange) searchIndex() string {
	var room [256]byte
	return hashKey(keySearch, appendTarget(room[:0], x.req, ""), x.secretFor(x.user), x.user)
}

// searchKey is the key that the last No-Vary-Search of the path leads to, "" if
// there was none.
func (x *exchange) searchKey() (key, value string) {
	e, f := x.st.get(x.req.Context(), x.searchIndex(), x)
	if e == nil {
		return "", ""
	}
	_ = e.Close()
	if !f.index || f.search == "" {
		return "", ""
	}
	return x.searchKeyOf([]string{f.search}), f.search
}

// addSearch keeps the No-Vary-Search that m came with.
func (st *state) addSearch(ctx context.Context, x *exchange, m *Meta, value string) {
	key := x.searchIndex()
	defer st.indexes.lock(key)()
	st.edit(ctx, key, x, func(r *record) bool {
		changed := r.search != value
		r.search = value
		return changed
	}, m.Expires)
}

// primaryFor is the key under which a response with the header h is stored, or
// its variants are listed.
func (x *exchange) primaryFor(status int, h http.Header) (key, search string) {
	if x.open != "" {
		if d, _ := responseDirectives(h, x.st.cfg.targeted); isPublic(status, h, &d) {
			return x.open, ""
		}
	}
	if x.st.t.ObeyNoVarySearch {
		if values := h["No-Vary-Search"]; len(values) > 0 {
			if key := x.searchKeyOf(values); key != "" {
				return key, strings.Join(values, ",")
			}
		}
	}
	return x.key, ""
}
