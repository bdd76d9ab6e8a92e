package store

import (
	"fmt"
	"reflect"
	"testing"
)

func TestClone(t *testing.T) {
	t.Parallel()
	m := sampleMeta()
	m.Expires = m.ResponseTime
	m.SetMemo(&Memo{Value: 1, Bytes: 2})
	c := m.Clone()
	from, to := reflect.ValueOf(m).Elem(), reflect.ValueOf(c).Elem()
	for i, f := range reflect.VisibleFields(from.Type()) {
		if !f.IsExported() {
			continue
		}
		if from.Field(i).IsZero() || !reflect.DeepEqual(from.Field(i).Interface(), to.Field(i).Interface()) {
			t.Errorf("%s: %v, want %v and not zero", f.Name, to.Field(i), from.Field(i))
		}
	}
	if m.Memo() == nil || c.Memo() != nil {
		t.Errorf("memos %v and %v: a copy has other fields, so it needs another", m.Memo(), c.Memo())
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, want string
		m         *Meta
	}{
		{"URL and fields may hold secrets", "stored response of status 200", sampleMeta()},
		{"a log may have none", "no stored response", nil},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
			if got := fmt.Sprintf(verb, row.m); got != row.want {
				t.Errorf("%s: %s: %q, want %q", row.why, verb, got, row.want)
			}
		}
	}
}
