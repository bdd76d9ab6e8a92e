// Package compare compares values in tests. It needs the standard library only: what
// tests import enters the go.sum of programs that use the tested package.
package compare

import (
	"fmt"
	"reflect"
	"strings"
)

// Diff returns "" if want and got are deeply equal, as reflect.DeepEqual has it.
// Else it returns the lines in which they differ as text, or both whole where their
// text is the same.
func Diff(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	a, b := lines(want), lines(got)
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)+len(b) == 0 {
		return fmt.Sprintf("want %#v\ngot  %#v", want, got)
	}
	return "want " + strings.Join(a, "\n     ") + "\ngot  " + strings.Join(b, "\n     ")
}

// lines is the text of v: a string, the elements of a slice or the fields of a
// struct each on a line.
func lines(v any) []string {
	r := reflect.Indirect(reflect.ValueOf(v))
	var all []string
	switch r.Kind() {
	case reflect.String:
		return strings.Split(r.String(), "\n")
	case reflect.Slice, reflect.Array:
		for i := range r.Len() {
			all = append(all, fmt.Sprintf("%+v", r.Index(i)))
		}
	case reflect.Struct:
		for i := range r.NumField() {
			all = append(all, fmt.Sprintf("%s: %+v", r.Type().Field(i).Name, r.Field(i)))
		}
	default:
		return []string{fmt.Sprintf("%+v", v)}
	}
	return all
}
