package httpfield

import "strings"

// An ETag is an entity tag (RFC 9110 §8.8.3).
type ETag struct {
	// Tag is the opaque part with its quotation marks.
	Tag  string
	Weak bool
}

// String returns the tag as it stands in a field.
func (t ETag) String() string {
	if t.Weak {
		return "W/" + t.Tag
	}
	return t.Tag
}

// IsZero reports whether t is the zero value, which is no tag.
func (t ETag) IsZero() bool { return t.Tag == "" }

// Strong reports whether t and u match by the strong comparison of RFC 9110 §8.8.3.2.
func (t ETag) Strong(u ETag) bool { return !t.Weak && !u.Weak && t.Tag == u.Tag && t.Tag != "" }

// WeakMatch reports whether t and u match by the weak comparison of RFC 9110 §8.8.3.2.
func (t ETag) WeakMatch(u ETag) bool { return t.Tag == u.Tag && t.Tag != "" }

// ParseETag parses a field value that is one entity tag. An entity tag has no escapes.
func ParseETag(s string) (ETag, bool) {
	t, rest, ok := nextETag(TrimBlanks(s))
	if !ok || rest != "" {
		return ETag{}, false
	}
	return t, true
}

// nextETag parses the entity tag at the start of s.
func nextETag(s string) (t ETag, rest string, ok bool) {
	if len(s) >= 2 && s[0] == 'W' && s[1] == '/' {
		t.Weak, s = true, s[2:]
	}
	if s == "" || s[0] != '"' {
		return ETag{}, s, false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			t.Tag = s[:i+1]
			return t, s[i+1:], true
		case c < ' ' || c == 0x7f:
			// etagc excludes blanks too, but some servers send them.
			return ETag{}, s, false
		}
	}
	return ETag{}, s, false
}

// ETags parses the lines of If-Match or If-None-Match: a list of entity tags, or "*". ok is
// false for anything else.
func ETags(values []string) (tags []ETag, star, ok bool) {
	ok = true
	for _, s := range values {
		for {
			if s = strings.TrimLeft(s, " \t,"); s == "" {
				break
			}
			if s[0] == '*' {
				star, s = true, s[1:]
				continue
			}
			t, rest, good := nextETag(s)
			if !good {
				ok = false
				_, s = cut(s, ',')
				continue
			}
			tags, s = append(tags, t), rest
		}
	}
	if star && len(tags) > 0 {
		ok = false
	}
	return tags, star, ok
}
