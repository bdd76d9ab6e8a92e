package httpsig

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// field returns the value of a field (RFC 9421 §2.1).
func (p part) field(c component) (string, error) {
	lines, err := p.lines(c)
	if err != nil {
		return "", err
	}
	for i := range lines {
		lines[i] = httpfield.TrimBlanks(lines[i])
	}
	switch {
	case c.bs:
		list := make(httpsfv.List, len(lines))
		for i, line := range lines {
			list[i] = httpsfv.NewItem([]byte(line))
		}
		return httpsfv.Marshal(list)
	case c.keyed:
		return member(lines, c.key)
	case c.sf:
		return strict(c.name, lines)
	}
	return strings.Join(lines, ", "), nil
}

// lines returns a copy of the lines of a field.
func (p part) lines(c component) ([]string, error) {
	header, trailer := p.headers()
	if c.tr {
		header = trailer
	}
	lines, ok := header[http.CanonicalHeaderKey(c.name)]
	if !ok {
		for name, l := range header { // net/http sends a name in any case as it is
			if !httpfield.EqualFold(name, c.name) {
				continue
			}
			if ok {
				return nil, errors.New("the field is there in several cases")
			}
			lines, ok = l, true
		}
	}
	if !c.tr && p.req != nil {
		if v, made := madeBelow(p.req, c.name); made {
			lines, ok = []string{v}, v != ""
		}
	}
	// A field with a nil value is not sent.
	if !ok || len(lines) == 0 {
		return nil, errAbsent
	}
	return append([]string(nil), lines...), nil
}

func (p part) headers() (header, trailer http.Header) {
	if p.resp != nil {
		return p.resp.Header, p.resp.Trailer
	}
	return p.req.Header, p.req.Trailer
}

// madeBelow returns the value of a field that net/http keeps outside the header of a request.
// made is false for any other field.
func madeBelow(req *http.Request, name string) (value string, made bool) {
	switch {
	case name == "host":
		return hostOf(req), true
	case name == "content-length" && req.RequestURI == "":
		switch {
		case req.ContentLength > 0:
			return strconv.FormatInt(req.ContentLength, 10), true
		case req.ContentLength == 0 && (req.Body == nil || req.Body == http.NoBody) &&
			(req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch):
			return "0", true
		}
		return "", true
	}
	return "", false
}

// dictionaries are the fields that are dictionaries although their values may look like lists.
var dictionaries = map[string]bool{
	"accept-signature": true, "cache-control": true, "cdn-cache-control": true, "content-digest": true, "example-dict": true,
	"no-vary-search": true, "priority": true, "repr-digest": true, "signature": true, "signature-input": true,
	"use-as-dictionary": true, "want-content-digest": true, "want-repr-digest": true,
}

// strict returns the strict serialization of a structured field (RFC 9421 §2.1.1). For fields
// whose type is unknown here the value tells it: a value that is both a list and a dictionary is
// serialized in the same way, unless a key is there twice.
func strict(name string, lines []string) (string, error) {
	if !dictionaries[name] {
		if list, err := httpsfv.UnmarshalList(lines); err == nil {
			return httpsfv.Marshal(list)
		}
	}
	dict, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil {
		return "", errors.New("no structured field")
	}
	return httpsfv.Marshal(dict)
}

// member returns the member of a dictionary with that key (RFC 9421 §2.1.2).
func member(lines []string, key string) (string, error) {
	dict, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil {
		return "", errors.New("no dictionary")
	}
	m, ok := dict.Get(key)
	if !ok {
		return "", errAbsent
	}
	switch m := m.(type) {
	case httpsfv.Item:
		return httpsfv.Marshal(m)
	case httpsfv.InnerList:
		return httpsfv.Marshal(m)
	}
	return "", errAbsent
}
