package tripper

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// Check reports what is wrong with c, or nil:
//
//   - every pair of layers that stand the wrong way round, and every layer that
//     stands twice, with the reason;
//   - every element that is a nil pointer or function;
//   - every layer with a Base, which a chain does not use, and every Jar that two
//     layers have;
//   - every field of a layer that holds a nil pointer, which is not nil.
//
// The order, and the fields that hold nil pointers, are checked of the layers of
// this module only. Others may stand anywhere; they are named by their type.
func (c Chain) Check() error {
	var errs []error
	for _, p := range c.problems() {
		errs = append(errs, errors.New("tripper: "+p))
	}
	return errors.Join(errs...)
}

// reporting returns base, or if something is wrong with c, a RoundTripper that reports
// it to package trace and sends through base. It stands below all layers, so that the
// hooks that they add hear it.
func (c Chain) reporting(base http.RoundTripper) http.RoundTripper {
	problems := c.problems()
	if len(problems) == 0 {
		return base
	}
	var told atomic.Bool
	return roundtrip.Bind(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if hook := trace.From(req.Context()); hook != nil && !told.Swap(true) {
			for _, p := range problems {
				e := trace.About(req, "tripper", actionCheck, p)
				e.Level, e.Attempt = slog.LevelWarn, 0 // it is about the chain
				hook(e)
			}
		}
		return next.RoundTrip(req)
	}, base)
}

// actionCheck is the action of the events that report problems.
const actionCheck = "check"

// problems returns what Check reports.
func (c Chain) problems() []string {
	layers := c.flat()
	return slices.Concat(c.nils(), fields(layers), misplaced(layers))
}

// nils returns the problems of elements of c, and of the chains in it, that are nil
// but not the nil Layer.
func (c Chain) nils() (problems []string) {
	for i, l := range c {
		if inner, ok := l.(Chain); ok {
			problems = append(problems, inner.nils()...)
		} else if l != nil && absent(l) {
			problems = append(problems, fmt.Sprintf("element %d of the chain is a nil %T and is skipped", i, l))
		}
	}
	return problems
}

// absent reports whether l is nil, or a nil pointer or function, as a variable is
// that was never set. Such elements of a chain are skipped.
func absent(l Layer) bool { return l == nil || isNil(reflect.ValueOf(l)) }

func isNil(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil()
}

// fields returns the problems of what the exported fields of layers hold.
func fields(layers []Layer) (problems []string) {
	jars := make(map[http.CookieJar]string)
	for _, l := range layers {
		name, v := nameOf(l), reflect.Indirect(reflect.ValueOf(l))
		if v.Kind() != reflect.Struct {
			continue
		}
		for field, value := range v.Fields() {
			if !field.IsExported() || value.Kind() != reflect.Interface || value.IsNil() {
				continue
			}
			held := value.Elem()
			_, isBase := reflect.TypeAssert[http.RoundTripper](held)
			jar, isJar := reflect.TypeAssert[http.CookieJar](held)
			switch {
			case isNil(held):
				if kindOf(l) != "" {
					problems = append(problems, fmt.Sprintf("%s has a %s that is a nil %s: leave the field nil", name, field.Name, held.Type()))
				}
			case isBase && field.Name == "Base":
				problems = append(problems, name+" stands in a chain and has a Base, which is not used there")
			case isJar && held.Comparable():
				if other, ok := jars[jar]; ok {
					problems = append(problems, other+" and "+name+" have the same Jar: give it to the outer one alone, which also takes the cookies of responses that the inner one answers")
				}
				jars[jar] = name
			}
		}
	}
	return problems
}

// misplaced returns the problems of the order of layers.
func misplaced(layers []Layer) (problems []string) {
	names := make([]string, len(layers))
	for i, l := range layers {
		names[i] = kindOf(l)
	}
	for i, outer := range names {
		for _, inner := range names[i+1:] {
			if why, ok := order[pair{inner, outer}]; ok {
				problems = append(problems, fmt.Sprintf("%s stands above %s, but should stand below it: %s", outer, inner, why))
			}
		}
		if why, ok := twice[outer]; ok && slices.Contains(names[i+1:], outer) && slices.Index(names, outer) == i {
			problems = append(problems, fmt.Sprintf("%s stands in the chain twice: %s", outer, why))
		}
	}
	return problems
}

// kindOf returns the name by which the order knows a layer, or "" for one of another
// module: the last element of the path of its package, or the name of its type in the
// root package and in trace.
func kindOf(l Layer) string {
	t := reflect.TypeOf(l)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	root := reflect.TypeFor[Chain]().PkgPath()
	switch {
	case t.PkgPath() == root && t.Name() == "ErrorResponses":
		return t.Name()
	case t.PkgPath() == root+"/trace":
		return "trace." + t.Name()
	case t.Name() == "Transport" && strings.HasPrefix(t.PkgPath(), root+"/"):
		return path.Base(t.PkgPath())
	}
	return ""
}

// nameOf returns a name to print for any layer.
func nameOf(l Layer) string {
	if name := kindOf(l); name != "" {
		return name
	}
	return strings.TrimPrefix(reflect.TypeOf(l).String(), "*")
}
