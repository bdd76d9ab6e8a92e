package caching

import (
	"hash/maphash"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
)

// How long responses that turned out not to be stored are not waited for.
const (
	hitForMissTime = time.Minute
	slowPathTime   = 10 * time.Minute
)

var pathSeed = maphash.MakeSeed()

// path is a hash of the target of x without its query. Two paths with the same hash do
// no harm.
func (x *exchange) path() uint64 {
	var room [256]byte
	return maphash.Bytes(pathSeed, catalog.AppendTarget(room[:0], x.Req, ""))
}

// slow reports whether the path is known for trips that take longer than requests wait
// for one another and bring nothing that is stored.
func (x *exchange) slow() bool {
	return !x.st.slowPaths.Empty() && !x.st.slowPaths.Until(x.path(), x.Now).IsZero()
}

// learn takes the result of a trip that began at start: one that is stored is worth
// waiting for, however slow the origin is.
func (x *exchange) learn(start time.Time, o *result) {
	wait := x.st.t.collapseWait()
	switch {
	case wait < 0 || x.Method != http.MethodGet:
	case o.body != nil || o.entry != nil:
		if !x.st.slowPaths.Empty() {
			x.st.slowPaths.Remove(x.path())
		}
	case o.err == nil && x.cond == 0 && time.Since(start) >= wait:
		x.st.slowPaths.Add(x.path(), time.Now().Add(slowPathTime))
	}
}
