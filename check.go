package tripper

import (
	"fmt"
	"net/http"
	"reflect"
)

// absent reports whether l is nil, or a nil pointer or function, as a variable is
// that was never set. Such elements of a chain are skipped.
func absent(l Layer) bool {
	v := reflect.ValueOf(l)
	return !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil()
}

// misplaced reports what is wrong with single elements of c and of the chains in
// it: nil pointers and functions, and layers of this module with a Base, which is not used in a
// chain.
func (c Chain) misplaced() []error {
	var problems []error
	for i, l := range c {
		switch inner, ok := l.(Chain); {
		case l == nil:
		case ok:
			problems = append(problems, inner.misplaced()...)
		case absent(l):
			problems = append(problems, fmt.Errorf("tripper: element %d of the chain is a nil %T and is skipped", i, l))
		case kindOf(l) != "" && hasBase(l):
			problems = append(problems, fmt.Errorf("tripper: %s stands in a chain and has a Base, which is not used there", nameOf(l)))
		}
	}
	return problems
}

// hasBase reports whether the field Base of a layer is set.
func hasBase(l Layer) bool {
	v := reflect.Indirect(reflect.ValueOf(l))
	if v.Kind() != reflect.Struct {
		return false
	}
	f := v.FieldByName("Base")
	return f.IsValid() && f.Type() == reflect.TypeFor[http.RoundTripper]() && !f.IsNil()
}
