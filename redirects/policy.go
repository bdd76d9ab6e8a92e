package redirects

import "net/http"

// A Policy is asked before a redirect is followed. req is the request about to
// be sent, which it may change (except for the body), req.Response the redirect,
// and via are the requests before it, oldest first. If it returns
// [http.ErrUseLastResponse], the redirect response is returned to the caller;
// any other error fails the request with an [*Error] that holds the response.
//
// A function written for the CheckRedirect field of [http.Client] is a Policy.
type Policy func(req *http.Request, via []*http.Request) error

// SameOrigin is a [Policy] that follows within one scheme, host and port only,
// and returns other redirects unfollowed.
func SameOrigin(req *http.Request, via []*http.Request) error {
	if len(via) > 0 && !sameOrigin(via[len(via)-1], req) {
		return http.ErrUseLastResponse
	}
	return nil
}

// NoDowngrade is a [Policy] that never follows a redirect from https to http, and
// returns it. It is stricter than a false [Transport.Downgrade], which returns such
// redirects of requests with credentials or a body only; with NoDowngrade a true
// Downgrade has no effect.
func NoDowngrade(req *http.Request, via []*http.Request) error {
	if len(via) > 0 && downgrade(via[len(via)-1].URL, req.URL) {
		return http.ErrUseLastResponse
	}
	return nil
}

// Limit returns a [Policy] that fails with [ErrLimit] at redirect n+1. It is for
// use within [Or] and [And]; [Transport.Max] holds in any case.
func Limit(n int) Policy {
	return func(_ *http.Request, via []*http.Request) error {
		if len(via) > n {
			return ErrLimit
		}
		return nil
	}
}

// And returns a [Policy] that follows what all policies follow. The first that
// does not decides. Policies that are nil follow.
func And(policies ...Policy) Policy {
	return func(req *http.Request, via []*http.Request) error {
		for _, p := range policies {
			if p == nil {
				continue
			}
			if err := p(req, via); err != nil {
				return err
			}
		}
		return nil
	}
}

// Or returns a [Policy] that follows what one of the policies follows; otherwise
// the last one decides. Without policies it returns every redirect unfollowed.
func Or(policies ...Policy) Policy {
	return func(req *http.Request, via []*http.Request) error {
		err := http.ErrUseLastResponse
		for _, p := range policies {
			if p == nil {
				return nil
			}
			if err = p(req, via); err == nil {
				return nil
			}
		}
		return err
	}
}
