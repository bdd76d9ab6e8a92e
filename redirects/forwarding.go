package redirects

// Forwarding says to which origins a redirect takes the caller's Authorization field. The
// user information of the caller's URL goes at most to the same origin.
type Forwarding int

const (
	// SameOriginOnly sends them on within one scheme, host and port: to the server
	// that they were meant for.
	SameOriginOnly Forwarding = iota
	// Nowhere sends them with the first request only, as httplib2 does by default.
	// A layer below that has credentials adds those of each origin.
	Nowhere
	// Everywhere sends Authorization on to every origin, but never from https to
	// http. It is httplib2's forward_authorization_headers.
	Everywhere
)

// String returns the name of the constant.
func (f Forwarding) String() string {
	switch f {
	case Nowhere:
		return "Nowhere"
	case Everywhere:
		return "Everywhere"
	}
	return "SameOriginOnly"
}

// authorization reports whether the caller's Authorization goes along.
func (f Forwarding) authorization(same, downgrade bool) bool {
	switch f {
	case Nowhere:
		return false
	case Everywhere:
		return !downgrade
	}
	return same
}

// userinfo reports whether the user information of the URL goes along.
func (f Forwarding) userinfo(same bool) bool { return same && f != Nowhere }
