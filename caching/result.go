package caching

import (
	"context"
	"net/http"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/store"
)

// result is what came of a trip to the origin.
type result struct {
	err error
	// panicked holds what the RoundTripper below has panicked with, if it has.
	panicked any
	// resp is the response of the origin. Its body is for the leader, unless body is set.
	resp *http.Response
	// room is for a copy of resp. It may be nil, and belongs to the leader.
	room *received
	// status is that of resp, which belongs to the caller who gets it.
	status int
	// body is the body on its way to the store and to its readers. The leader has a
	// share of it.
	body *collapse.Body
	// entry is the stored response that the origin confirmed, and header has its fields. Its body and
	// the header are for the leader.
	entry  *store.Entry
	header http.Header
	// setCookies is true if the confirmation set cookies.
	setCookies bool
	// barred is true if the response is for the caller alone whose request it answers.
	barred bool
	// mixed is true if the trip was made with credentials that the key does not tell apart.
	mixed bool
	// unattended is true if the trip was made in the background: its failure is nobody's.
	unattended bool
	// f are the facts of what body or entry is the body of, and meta the rest.
	f    *catalog.Memo
	meta *store.Meta
	// detail is why the response is not stored, or what else there is to say.
	detail string
	// route is the way the trip took.
	route *route
	// cancel ends what a body that is not shared depends on. It may be nil.
	cancel context.CancelCauseFunc
}

// Joinable implements [collapse.Result]: a body on its way can be joined, by its own rules.
func (r result) Joinable() bool { return r.body != nil }

// Join implements [collapse.Result].
func (r result) Join() bool { return r.body != nil && r.body.Join() }

// Share implements [collapse.Result].
func (r result) Share(n int) {
	if r.body != nil {
		r.body.Share(n)
	}
}

// Drop implements [collapse.Result].
func (r result) Drop() {
	switch {
	case r.body != nil:
		r.body.Release()
	case r.entry != nil:
		_ = r.entry.Close()
	case r.resp != nil:
		_ = r.resp.Body.Close()
	}
}
