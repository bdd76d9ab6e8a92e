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
		if !f.IsExported() || f.Name == "Replaces" { // a condition of one write
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

// What a write replaces is what it says it has seen.
func TestReplaces(t *testing.T) {
	t.Parallel()
	const one, two Version = 1, 2
	now := &Meta{ID: [16]byte{1}, Version: one}
	for _, row := range []struct {
		why              string
		m                *Meta
		now              *Meta
		updates, follows bool
	}{
		{"any version of the same body", &Meta{ID: now.ID}, now, true, true},
		{"another body", &Meta{ID: [16]byte{2}}, now, false, true},
		{"nothing is there to update", &Meta{ID: now.ID}, nil, false, true},
		{"the version that is there", &Meta{ID: now.ID, Replaces: one}, now, true, true},
		{"another version", &Meta{ID: now.ID, Replaces: two}, now, false, false},
		{"another body with the version", &Meta{ID: [16]byte{2}, Replaces: one}, now, false, true},
		{"only if nothing is there, and something is", &Meta{ID: now.ID, Replaces: Absent}, now, false, false},
		{"only if nothing is there", &Meta{Replaces: Absent}, nil, false, true},
		{"only if something is there, and nothing is", &Meta{Replaces: one}, nil, false, false},
	} {
		if u, f := row.m.Updates(row.now), row.m.Follows(row.now); u != row.updates || f != row.follows {
			t.Errorf("updates %v, follows %v, want %v and %v: %s", u, f, row.updates, row.follows, row.why)
		}
	}
}
