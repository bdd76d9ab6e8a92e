package lostupdate

import "github.com/tripper-go/tripper/internal/roundtrip"

// habit is a set of the ways in which a server departs from RFC 9110 §13.
type habit uint8

const (
	// refuses: it answers 501 or 400 to any precondition.
	refuses habit = 1 << iota
	// misjudges: it answers 412 to If-Unmodified-Since though nothing has
	// changed (mod_dav compares the time of a new resource, which is now).
	misjudges
	// matchesWeak: it demands a precondition and takes a weak tag in If-Match.
	matchesWeak
	// hangsOnHead: it does not answer HEAD.
	hangsOnHead
)

// service is an origin and a method: a server may implement preconditions for one
// method and not for another.
type service struct {
	roundtrip.Origin
	method string
}

// service returns the service that the request is for.
func (x *exchange) service() service { return service{roundtrip.OriginOf(x.req.URL), x.method} }
