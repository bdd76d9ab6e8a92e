package httpsig

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// A component is what names a part of a message: a field, or what is derived from the message,
// with parameters (RFC 9421 §2). Two are the same if they are equal.
type component struct {
	name string // in lower case; derived ones begin with @

	sf  bool // strict serialization of a structured field (§2.1.1)
	bs  bool // field lines as byte sequences (§2.1.3)
	tr  bool // a trailer (§2.1.4)
	req bool // of the request that a response answers (§2.4)

	keyed bool // a member of a dictionary (§2.1.2)
	key   string
	param string // the name of a parameter of the query (§2.2.8)
}

// An identifier is a component as it is written.
type identifier struct {
	component
	item httpsfv.Item
	text string
}

// maxComponents bounds the components of a signature.
const maxComponents = 128

// parseComponents parses the components of a configuration.
func parseComponents(all []string) ([]identifier, error) {
	ids := make([]identifier, 0, len(all))
	for _, s := range all {
		id, err := parseComponent(s)
		if err != nil {
			return nil, fmt.Errorf("httpsig: component %q: %w", s, err)
		}
		ids = append(ids, id)
	}
	return ids, distinct(ids)
}

// parseComponent parses a component of a configuration: an identifier of RFC 9421, whose name may
// be in any case, and need not be in quotes.
func parseComponent(s string) (identifier, error) {
	if !strings.HasPrefix(s, `"`) {
		name, params, found := strings.Cut(s, ";")
		s = `"` + httpfield.Lower(name) + `"`
		if found {
			s += ";" + params
		}
	}
	item, err := httpsfv.UnmarshalItem([]string{s})
	if err != nil {
		return identifier{}, err
	}
	return newIdentifier(item)
}

// distinct returns an error if a component is named twice, or if there are too many.
func distinct(ids []identifier) error {
	if len(ids) > maxComponents {
		return fmt.Errorf("httpsig: more than %d components", maxComponents)
	}
	seen := make(map[component]bool, len(ids))
	for _, id := range ids {
		if seen[id.component] {
			return fmt.Errorf("httpsig: component %s is named twice", id.text)
		}
		seen[id.component] = true
	}
	return nil
}

// newIdentifier returns the component that an item names. RFC 9421 §2.5: a name or a parameter
// that is unknown is an error, and so are parameters that exclude each other.
func newIdentifier(item httpsfv.Item) (id identifier, err error) {
	name, ok := item.Value.(string)
	if !ok {
		return id, fmt.Errorf("its name is no string")
	}
	id.name, id.item = name, item
	const longest = 1024 // it is printed in errors
	id.text, err = httpsfv.Marshal(item)
	switch {
	case err != nil:
		return id, err
	case len(id.text) > longest:
		return id, errors.New("it is too long")
	}
	for _, p := range item.Params.Names() {
		v, _ := item.Params.Get(p)
		if err := id.set(p, v); err != nil {
			return id, err
		}
	}
	return id, id.check()
}

// set sets a parameter.
func (c *component) set(name string, value any) error {
	flags := map[string]*bool{"sf": &c.sf, "bs": &c.bs, "tr": &c.tr, "req": &c.req}
	if flag := flags[name]; flag != nil {
		if value != true {
			return fmt.Errorf("parameter %s has a value", name)
		}
		*flag = true
		return nil
	}
	text, ok := value.(string)
	switch {
	case name == "key" && ok:
		c.key, c.keyed = text, true
	case name == "name" && ok && c.name == "@query-param":
		c.param = text
	default:
		return fmt.Errorf("unknown parameter %s", name)
	}
	return nil
}

// check reports whether the parameters fit the name and each other.
func (c *component) check() error {
	if !strings.HasPrefix(c.name, "@") {
		switch {
		case !httpfield.IsToken(c.name) || c.name != httpfield.Lower(c.name):
			return fmt.Errorf("no name of a field in lower case")
		case c.bs && (c.sf || c.keyed):
			return fmt.Errorf("parameter bs excludes sf and key")
		}
		return nil
	}
	if c.sf || c.bs || c.tr || c.keyed {
		return fmt.Errorf("a parameter is only for fields")
	}
	switch c.name {
	case "@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query":
	case "@query-param":
		if c.param == "" {
			return fmt.Errorf("parameter name is missing")
		}
	case "@status":
		if c.req {
			return fmt.Errorf("a request has no status")
		}
	default:
		return fmt.Errorf("unknown derived component")
	}
	return nil
}
