package lostupdate

import (
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// reply is what is done about a response to a write.
type reply int

const (
	// accept: the response is about the write, and is returned.
	accept reply = iota
	// withdraw: the server does not implement preconditions, and has not written. The
	// write is sent as the caller wrote it.
	withdraw
	// doubtful: it seems not to implement this precondition. If a look shows that the
	// resource has not changed, the write is sent as the caller wrote it.
	doubtful
	// demanded: the server demands a precondition.
	demanded
)

// replyTo decides about the response to a write that was sent by plan p.
func replyTo(status int, p plan) reply {
	switch {
	case p.own || p.wished:
		return accept
	case p.field == "" && status == http.StatusPreconditionRequired:
		return demanded
	case p.field == "":
		return accept
	case status == http.StatusNotImplemented:
		// RFC 9110 §15.6.2: the server does not support the functionality. S3
		// until 2024 and many that speak its protocol name the field.
		return withdraw
	case status == http.StatusBadRequest,
		status == http.StatusPreconditionFailed && p.field == "If-Unmodified-Since":
		return doubtful
	}
	return accept
}

// settle sends the write again if resp is about its precondition and not about the
// write, and returns the response to the write.
func (x *exchange) settle(resp *http.Response) (*http.Response, error) {
	switch replyTo(resp.StatusCode, x.plan) {
	case withdraw:
		return x.withdraw(resp, refuses, reasonImplementsNone)
	case doubtful:
		if !x.mayRepeat || !x.unchanged() {
			break
		}
		if resp.StatusCode == http.StatusPreconditionFailed {
			return x.withdraw(resp, misjudges, reasonMisjudged)
		}
		return x.withdraw(resp, refuses, reasonTakesNone)
	case demanded:
		return x.demanded(resp)
	}
	return resp, nil
}

// withdraw sends the write as the caller wrote it, and notes the habit of the server if
// the response is another one then. If the body cannot be sent again, resp is returned,
// and the habit is noted for the caller's next write.
func (x *exchange) withdraw(resp *http.Response, shown habit, why string) (*http.Response, error) {
	refused := resp.StatusCode
	if !x.mayRepeat {
		x.note(shown, why, refused)
		return resp, nil
	}
	again, err := roundtrip.Rewind(x.req)
	if err != nil {
		x.tell(actionStop, reasonBodyOnce, refused, plan{})
		return resp, nil //nolint:nilerr // the caller has an answer
	}
	roundtrip.Discard(resp)
	x.plan = plan{why: why}
	x.tell(actionProtect, why, refused, x.plan)
	if resp, err = x.send(again, precondition{}); err == nil && resp != nil && resp.StatusCode != refused {
		x.note(shown, why, refused)
	}
	return resp, err
}

// unchanged looks whether the resource is what the caller saw. A cache that
// answers from its store does not know.
func (x *exchange) unchanged() bool {
	now, err := x.look()
	if err != nil || now.stored {
		return false
	}
	same, known := x.seen.same(now.Version)
	return known && same
}

// demanded answers a 428 (RFC 6585 §3) by a write with the validator of the version that
// the caller saw, even a weak one. Without such a validator the present one is used, if
// Required is set.
func (x *exchange) demanded(resp *http.Response) (*http.Response, error) {
	p := x.seen.anyPrecondition()
	if !x.mayRepeat || p.field == "" && !x.Required {
		return resp, nil
	}
	if p.field == "" {
		now, err := x.look()
		if err != nil {
			roundtrip.Discard(resp)
			return nil, err
		}
		if p = now.anyPrecondition(); now.gone() {
			p = precondition{"If-None-Match", "*"}
		}
		if p.field == "" {
			x.tell(actionStop, reasonNoValidator, now.status, plan{})
			return resp, nil
		}
	}
	again, err := roundtrip.Rewind(x.req)
	if err != nil {
		x.tell(actionStop, reasonBodyOnce, 0, plan{})
		return resp, nil //nolint:nilerr // the 428 is the answer then
	}
	roundtrip.Discard(resp)
	x.plan = plan{precondition: p, why: reasonRequired}
	x.tell(actionProtect, x.plan.why, http.StatusPreconditionRequired, x.plan)
	resp, err = x.send(again, p)
	if err == nil && resp != nil && resp.StatusCode/100 == 2 && p.field == "If-Match" && isWeak(p.value) {
		x.note(matchesWeak, reasonMatchesWeak, http.StatusPreconditionRequired)
	}
	return resp, err
}

// note remembers a habit of the server.
func (x *exchange) note(shown habit, why string, status int) {
	x.habits.Update(x.service(), time.Now(), func(old habit) habit { return old | shown })
	if h := tell.From(x.req.Context()); h != nil {
		h.Tell(x.req, tell.Decision{
			Layer: "lostupdate", Action: actionNote, Reason: why, Status: status, Attrs: []tell.Attr{tell.With("for", roundtrip.LessonTime)},
		})
	}
}
