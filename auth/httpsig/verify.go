package httpsig

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// DefaultMaxAge is the greatest age of a signature that is accepted: 5 minutes.
const DefaultMaxAge = 5 * time.Minute

// maxSkew is how far in the future a signature may have been created, by a clock that is fast.
const maxSkew = time.Minute

// ErrVerify matches, with [errors.Is], the error of a message without a valid signature.
//
// The error is permanent (Permanent() bool): no layer sends the request again.
var ErrVerify = errors.New("httpsig: no valid signature")

// A Verifier verifies the signatures of messages (RFC 9421 §3.2). It is safe for concurrent use
// if its fields are not changed.
//
// A message is valid if one of its signatures is by one of the Keys, covers the Components, has
// the Tag and the right age. Nonces are not compared.
type Verifier struct {
	// Keys are the keys of the signers. A signature without a keyid is verified if
	// there is only one.
	Keys []*Key

	// Components must be covered, in the form of [Transport.Components]. If nil, any
	// are enough, also none: such a signature says only that the signer has signed
	// something.
	Components []string

	// Tag is the tag that the signature must have (RFC 9421 §2.3). If empty, it may have
	// any or none.
	Tag string

	// MaxAge is the greatest time since the signature was created, by the clock of this
	// machine. If zero, it is [DefaultMaxAge]. If negative, the age does not matter; else
	// a signature that does not say when it was created is not valid. What a signature says
	// of its end is always obeyed.
	MaxAge time.Duration
}

// Request verifies a signature of a request, which may be one that a server has received. It
// does not read the body: whether that has the Content-Digest of the request is not checked.
// The error matches [ErrVerify].
func (v *Verifier) Request(req *http.Request) error {
	return v.verify(&message{req: req}, time.Now())
}

// Response verifies a signature of a response to req, which must be the request as it was sent.
// It does not read the body. The error matches [ErrVerify].
func (v *Verifier) Response(resp *http.Response, req *http.Request) error {
	return v.verify(&message{req: req, resp: resp}, time.Now())
}

// invalid returns an error that matches ErrVerify.
func invalid(format string, args ...any) error {
	return roundtrip.Final(fmt.Errorf("%w: "+format, append([]any{ErrVerify}, args...)...))
}

// maxSignatures bounds the signatures of a message that are looked at.
const maxSignatures = 16

func (v *Verifier) verify(m *message, now time.Time) error {
	required, err := parseComponents(v.Components)
	if err != nil {
		return roundtrip.Final(err)
	}
	header := m.req.Header
	if m.resp != nil {
		header = m.resp.Header
	}
	inputs, err := httpsfv.UnmarshalDictionary(header[fieldInput])
	if err != nil {
		return invalid("malformed Signature-Input")
	}
	sigs, err := httpsfv.UnmarshalDictionary(header[fieldSignature])
	if err != nil {
		return invalid("malformed Signature")
	}
	labels := inputs.Names()
	why := invalid("the message is not signed")
	for _, label := range labels[:min(len(labels), maxSignatures)] {
		input, _ := inputs.Get(label)
		sig, _ := sigs.Get(label)
		if why = v.one(m, required, input, sig, now); why == nil {
			return nil
		}
	}
	return why
}

// one verifies one signature.
func (v *Verifier) one(m *message, required []identifier, input, sig httpsfv.Member, now time.Time) error {
	list, ok := input.(httpsfv.InnerList)
	if !ok {
		return invalid("malformed Signature-Input")
	}
	item, _ := sig.(httpsfv.Item)
	raw, ok := item.Value.([]byte)
	if !ok {
		return invalid("malformed Signature")
	}
	ids := make([]identifier, len(list.Items))
	for i, item := range list.Items {
		id, err := newIdentifier(item)
		if err != nil {
			return invalid("a component: %w", err)
		}
		ids[i] = id
	}
	if err := distinct(ids); err != nil {
		return invalid("%w", err)
	}
	for _, r := range required {
		if !slices.ContainsFunc(ids, func(id identifier) bool { return id.component == r.component }) {
			return invalid("component %s is not covered", r.text)
		}
	}
	if err := v.timely(list.Params, now); err != nil {
		return err
	}
	key, err := v.key(list.Params)
	if err != nil {
		return err
	}
	lines, _, err := m.lines(ids, false)
	if err != nil {
		return invalid("%w", err)
	}
	params, err := httpsfv.Marshal(list)
	if err != nil {
		return invalid("malformed Signature-Input")
	}
	if !key.verify(complete(lines, params), raw) {
		return invalid("the signature is wrong")
	}
	return nil
}

// timely reports whether a signature with these parameters is neither too old nor from the future.
func (v *Verifier) timely(params *httpsfv.Params, now time.Time) error {
	if expires, ok := params.Get("expires"); ok {
		at, isInteger := expires.(int64)
		if !isInteger || now.Unix() >= at {
			return invalid("the signature has expired")
		}
	}
	if v.MaxAge < 0 {
		return nil
	}
	limit := v.MaxAge
	if limit == 0 {
		limit = DefaultMaxAge
	}
	created, _ := params.Get("created")
	at, ok := created.(int64)
	if !ok {
		return invalid("the signature does not say when it was created")
	}
	switch age := now.Sub(time.Unix(at, 0)); {
	case age > limit:
		return invalid("the signature is too old")
	case age < -maxSkew:
		return invalid("the signature is from the future")
	}
	return nil
}

// key returns the key for a signature with these parameters.
func (v *Verifier) key(params *httpsfv.Params) (*Key, error) {
	if v.Tag != "" {
		if tag, _ := params.Get("tag"); tag != v.Tag {
			return nil, invalid("the signature has not the tag")
		}
	}
	id, named := params.Get("keyid")
	var key *Key
	for _, k := range v.Keys {
		if k != nil && (named && k.id == id || !named && len(v.Keys) == 1) {
			key = k
			break
		}
	}
	if key == nil {
		return nil, invalid("the key is not known")
	}
	// RFC 9421 §3.2: the algorithm is that of the key, whatever the message says.
	if alg, ok := params.Get("alg"); ok && alg != string(key.algorithm) {
		return nil, invalid("the algorithm is not that of the key")
	}
	return key, nil
}
