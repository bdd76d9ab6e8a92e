package caching

import (
	"errors"
	"time"
)

// errOvertaken ends a trip that nobody waits for any more.
var errOvertaken = errors.New("caching: the store has answered meanwhile")

// overtakes looks at the late answer of the Store, and reports whether the request is
// answered with it: it is there before the origin's answer, and may be reused.
func (x *exchange) overtakes(fl *flight[result], r role) bool {
	x.now = time.Now()
	x.consult()
	v := decide(&x.demand, x.found.f.known(), x.now)
	if v.action != reuse && v.action != refresh {
		return false
	}
	if _, ok := x.portion(); !ok {
		return false
	}
	if fl.Leave(r, errOvertaken) {
		return false
	}
	x.verdict = v
	return true
}
