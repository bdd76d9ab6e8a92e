package catalog

import (
	"fmt"
	"testing"
)

// Whether a response may be stored under the record that is there now. The orders in which
// records come about are those of TestGenerations.
func TestFollow(t *testing.T) {
	t.Parallel()
	name, seen := newToken(), targetOf(target{gen: newToken(), rev: 3}, lists{})
	named, other := targetOf(target{gen: newToken()}, lists{names: []token{name}}), targetOf(target{gen: newToken(), rev: 1}, lists{})
	marked := seen.marked(true)
	for _, row := range []struct {
		why          string
		seen, now    *target
		name         token
		shared, late bool
		want         string
	}{
		{"the first response", nil, nil, token{}, true, false, "begun 0"},
		{"the record that was seen", seen, seen, token{}, true, false, "now 3"},
		{"marked since: the response is as old as it was", seen, marked, token{}, true, false, "now 3"},
		{"another user found nothing either, and was faster", nil, other, token{}, true, false, "now 0"},
		{"an invalidation has put it there", nil, targetOf(target{invalidated: true}, lists{}), token{}, true, false, ""},
		{"another generation", seen, other, token{}, true, false, ""},
		{"it was there, and is gone: perhaps an invalidation was", seen, nil, token{}, true, false, ""},
		{"it was evicted from a Store of one process", seen, nil, token{}, false, false, "begun 0"},
		{"it took longer than an invalidation is kept", nil, nil, token{}, true, true, ""},
		{"so did that, and another process has stored something since", nil, other, token{}, true, true, ""},
		{"another process has begun a generation, which has not the name either", seen, other, name, true, false, ""},
		{"there are no other processes", nil, nil, token{}, false, true, "begun 0"},
		{"it took long, and the record has not changed", seen, seen, token{}, true, true, "now 3"},
		{"the Store has not taken an invalidation", nil, other, name, true, false, "begun invalidated 0"},
		{"nor had it when the request was sent", other, other, name, true, false, "begun invalidated 0"},
		{"another process has invalidated it since", nil, targetOf(target{invalidated: true}, lists{}), name, true, false, ""},
		{"and it had not been used before", other, targetOf(target{invalidated: true}, lists{}), name, true, false, ""},
		{"perhaps another process has, and that was evicted", other, nil, name, true, false, ""},
		{"the record was written after it", named, named, name, true, false, "now 0"},
	} {
		got := ""
		r, rev := follow(row.seen, row.now, row.name, row.shared, row.late)
		switch {
		case r == nil:
		case r == row.now:
			got = fmt.Sprint("now ", rev)
		case r.invalidated && r.has(row.name):
			got = fmt.Sprint("begun invalidated ", rev)
		default:
			got = fmt.Sprint("begun ", rev)
		}
		if got != row.want {
			t.Errorf("%q, want %q: %s", got, row.want, row.why)
		}
	}
}

// A target has a bounded number of sets and names, of which the newest stay.
func TestBounds(t *testing.T) {
	t.Parallel()
	r := begin(token{}, nil)
	for i := range maxSets + 1 {
		r = r.withSet(set{names: []string{fmt.Sprint(i)}})
	}
	if len(r.sets) != maxSets || r.sets[0].names[0] != fmt.Sprint(maxSets) {
		t.Errorf("%v", r.sets)
	}
	if r = r.withSet(set{audience: oneUser}); len(r.sets) != maxSets+1 {
		t.Errorf("those of users displace those of everybody: %v", r.sets)
	}
	last, names := newToken(), make([]token, maxNames)
	for i := range names {
		names[i] = newToken()
	}
	if r = begin(last, targetOf(target{}, lists{names: names})); len(r.names) != maxNames || r.names[0] != last || r.names[1] != names[0] || len(begin(last, targetOf(target{}, lists{names: []token{last}})).names) != 1 {
		t.Errorf("%v", r.names)
	}
}

// targetOf returns t with lists.
func targetOf(t target, l lists) *target { return t.with(l) }
