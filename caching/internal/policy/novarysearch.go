package policy

import (
	"net/url"
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"
)

// NoVarySearch says which parameters of a query select another response
// (No-Vary-Search, draft-ietf-httpbis-no-vary-search).
type NoVarySearch struct {
	// none is true if no parameter matters but those in except.
	none   bool
	except []string
	// ignored do not matter.
	ignored []string
	// anyOrder is true if the order of different names does not matter.
	anyOrder bool
}

// ParseNoVarySearch reads No-Vary-Search. ok is false if it is not valid, or leaves
// everything as it is.
func ParseNoVarySearch(values []string) (s NoVarySearch, ok bool) {
	dict, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return NoVarySearch{}, false
	}
	for _, name := range dict.Names() {
		member, _ := dict.Get(name)
		valid := true
		switch name {
		case "key-order":
			s.anyOrder, valid = truth(member)
		case "params":
			if s.none, valid = truth(member); !valid {
				s.ignored, valid = stringList(member)
			}
		case "except":
			s.except, valid = stringList(member)
		}
		if !valid {
			return NoVarySearch{}, false
		}
	}
	if len(s.except) > 0 && !s.none {
		return NoVarySearch{}, false
	}
	return s, s.none || len(s.ignored) > 0 || s.anyOrder
}

func truth(m httpsfv.Member) (value, ok bool) {
	item, _ := m.(httpsfv.Item)
	value, ok = item.Value.(bool)
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

// Normalise returns what matters of query. Values are compared as they are
// written, so at worst two that mean the same are taken for different.
func (s *NoVarySearch) Normalise(query string) string {
	nameOf := func(pair string) string {
		name, _, _ := strings.Cut(pair, "=")
		return unescapeQuery(name)
	}
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		name := nameOf(pair)
		return pair == "" || s.none && !slices.Contains(s.except, name) || slices.Contains(s.ignored, name)
	})
	if s.anyOrder {
		slices.SortStableFunc(pairs, func(a, b string) int { return strings.Compare(nameOf(a), nameOf(b)) })
	}
	return strings.Join(pairs, "&")
}
