package auth

// Stats says what a [Transport] or a [Proxy] did since its first use.
type Stats struct {
	// Signed counts the requests that were sent with credentials (event sign), and Answered those
	// of them that answer a challenge: each of these costs the caller one more round trip.
	Signed, Answered int64

	// Unsigned counts the requests for which there were credentials, but which the scheme cannot
	// sign (unsigned).
	Unsigned int64

	// Refused counts the credentials that a server has refused (refused), also those whose nonce was
	// stale.
	Refused int64

	// GivenUp counts the challenges that were not answered (give up), and Distrusted the servers'
	// failures to prove that they know the password (distrust).
	GivenUp, Distrusted int64
}

// The counters of an engine.
const (
	countSigned = iota
	countAnswered
	countUnsigned
	countRefused
	countGivenUp
	countDistrusted
)

// Stats returns what t did since its first use, in all chains together. It takes no lock: of
// requests under way some may be counted in part. See expvar for a way to publish it.
func (t *Transport) Stats() Stats { return t.setup().stats() }

// Stats returns what p did since its first use, as [Transport.Stats] does.
func (p *Proxy) Stats() Stats { return p.setup().stats() }

func (e *engine) stats() Stats {
	n := e.counters.Sums()
	return Stats{
		Signed: n[countSigned], Answered: n[countAnswered], Unsigned: n[countUnsigned],
		Refused: n[countRefused], GivenUp: n[countGivenUp], Distrusted: n[countDistrusted],
	}
}

// note counts a decision.
func (e *engine) note(action, reason string) {
	switch action {
	case actionSign:
		s := e.counters.Shard()
		if s[countSigned].Add(1); reason == reasonChallenge {
			s[countAnswered].Add(1)
		}
	case actionUnsigned:
		e.counters.Add(countUnsigned, 1)
	case actionRefused:
		e.counters.Add(countRefused, 1)
	case actionGiveUp:
		e.counters.Add(countGivenUp, 1)
	case actionDistrust:
		e.counters.Add(countDistrusted, 1)
	}
}
