package roundtrip

import (
	"net/http"
	"reflect"
)

// speakForAll reports whether from rt inwards there are only layers that name the principal of
// all credentials they add: [Identifier]s, [TripperLayer]s, and an [http.Transport] at the end.
func speakForAll(rt http.RoundTripper) bool {
	budget := maxDepth
	return known(reflect.ValueOf(rt), &budget)
}

// known is [speakForAll] for a RoundTripper in a field, exported or not. The budget is the
// number of RoundTrippers that are inspected.
func known(v reflect.Value, budget *int) bool {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if *budget--; *budget < 0 || !v.IsValid() {
		return false
	}
	switch t := v.Type(); {
	case t == reflect.TypeFor[*http.Transport]():
		return true
	case t == reflect.TypeFor[*TripperLayer](), t == reflect.TypeFor[*guard](), t == reflect.TypeFor[*ForeignLayer]():
	case t == reflect.TypeFor[*late](), !t.Implements(reflect.TypeFor[Identifier]()):
		return false
	}
	some, all := successors(v, budget)
	return all && (some || v.Type().Implements(reflect.TypeFor[Signer]())) // a Signer may be the last
}

// successors reports whether v has fields that hold a RoundTripper, and whether all of
// them are known. A nil one stands for the default transport.
func successors(v reflect.Value, budget *int) (some, all bool) {
	if v = reflect.Indirect(v); v.Kind() != reflect.Struct {
		return false, true
	}
	all = true
	for field, value := range v.Fields() {
		switch {
		case field.Type.Implements(reflect.TypeFor[http.RoundTripper]()):
			some = true
			all = all && (isZeroPointer(value) || known(value, budget))
		case field.Anonymous:
			more, known := successors(value, budget)
			some, all = some || more, all && known
		}
	}
	return some, all
}

func isZeroPointer(v reflect.Value) bool {
	return (v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer) && v.IsNil()
}
