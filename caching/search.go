package caching

import (
	"context"
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
func (q *query) searchKeyOf(values []string) string {
	s, ok := parseSearch(values)
	if !ok || q.method == methodQuery {
		return ""
	}
	var room [256]byte
	target := appendTarget(room[:0], q.req, s.normalise(q.req.URL.RawQuery))
	return hashKey(keySearch, target, q.secretFor(q.user), q.user, strings.Join(values, ","))
}

// searchIndex is where the last No-Vary-Search of the request's path is kept.
func (q *query) searchIndex() string {
	var room [256]byte
	return hashKey(keySearch, appendTarget(room[:0], q.req, ""), q.secretFor(q.user), q.user)
}

// searchKey is the key that the last No-Vary-Search of the path leads to, "" if
// there was none.
func (q *query) searchKey() (key, value string) {
	e, f := q.get(q.req.Context(), q.searchIndex())
	if e == nil {
		return "", ""
	}
	_ = e.Close()
	if !f.index || f.search == "" {
		return "", ""
	}
	return q.searchKeyOf([]string{f.search}), f.search
}

// addSearch keeps the No-Vary-Search that m came with.
func (q *query) addSearch(ctx context.Context, m *Meta, value string) {
	key := q.searchIndex()
	defer q.cat.indexes.lock(key)()
	q.edit(ctx, key, func(r *record) bool {
		changed := r.search != value
		r.search = value
		return changed
	}, m.Expires)
}
