package caching

import (
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// With one fixed user all that layers below add is that user's, and another name on
// the same store is somebody else.
func TestForUser(t *testing.T) {
	t.Parallel()
	store := memorystore.New(0)
	for _, row := range []struct{ user, token, want string }{
		{"alice", "t1", "of t1"}, {"alice", "t2", "of t1"}, {"bob", "t3", "of t3"}, {"alice", "t4", "of t1"}, {"bob", "t5", "of t3"},
	} {
		l := &adding{"Authorization", row.token, ofUser("Authorization", "Cache-Control: max-age=60"), false}
		c := &Transport{Store: store, Partition: ForUser(row.user), Base: l}
		if _, got := get(t, c, t.Context(), "http://example.com/"); got != row.want {
			t.Errorf("%s with %s gets %q, want %q", row.user, row.token, got, row.want)
		}
	}
}
