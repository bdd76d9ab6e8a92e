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
	if len(values) == 0 {
		return NoVarySearch{}, false
	}
	dict, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return NoVarySearch{}, false
	}
	for _, name := range dict.Names() {
		member, _ := dict.Get(name)
		switch name {
		case "key-order":
			if s.anyOrder, ok = truth(member); !ok {
				return NoVarySearch{}, false
			}
		case "params":
			if s.none, ok = truth(member); ok {
				continue
			}
			if s.ignored, ok = stringList(member); !ok {
				return NoVarySearch{}, false
			}
		case "except":
			if s.except, ok = stringList(member); !ok {
				return NoVarySearch{}, false
			}
		}
	}
	if len(s.except) > 0 && !s.none {
		return NoVarySearch{}, false
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

// Normalise returns what matters of query. Values are compared as they are
// written, so at worst two that mean the same are taken for different.
func (s *NoVarySearch) Normalise(query string) string {
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
