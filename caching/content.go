package caching

import (
	"io"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// readContent reads the content of a QUERY, which belongs to its key, and
// returns why it cannot, if so.
func (x *exchange) readContent() string {
	if !roundtrip.HasBody(x.req) {
		x.content = []byte{}
		return ""
	}
	if x.req.GetBody == nil {
		return reasonContentOnce
	}
	body, err := x.req.GetBody()
	if err != nil {
		return reasonContentOnce
	}
	defer func() { _ = body.Close() }()
	content, err := io.ReadAll(io.LimitReader(body, maxContent+1))
	if err != nil || len(content) > maxContent {
		return reasonContentLarge
	}
	x.content = content
	roundtrip.CloseBody(x.req) // what is sent is the copy
	return ""
}

// maxContent is how much content of a QUERY is read for its key.
const maxContent = 1 << 20
