package httpsig

import (
	"fmt"

	"github.com/dunglas/httpsfv"
)

// lines returns the lines of the signature base of m for the components ids (RFC 9421 §2.5). If
// optional is true, components that m does not have are left out; there has the others.
func (m *message) lines(ids []identifier, optional bool) (b []byte, there []identifier, err error) {
	for _, id := range ids {
		v, err := m.value(id.component)
		if optional && err == errAbsent {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("component %s: %w", id.text, err)
		}
		there = append(there, id)
		b = append(b, id.text...)
		b = append(b, ": "...)
		b = append(b, v...)
		b = append(b, '\n')
	}
	return b, there, nil
}

// complete returns the signature base with those lines. params is the value of the signature
// parameters.
func complete(lines []byte, params string) []byte {
	lines = append(lines, `"@signature-params": `...)
	return append(lines, params...)
}

// covered returns the signature parameters (RFC 9421 §2.3): the components and params.
func covered(ids []identifier, params *httpsfv.Params) (string, error) {
	items := make([]httpsfv.Item, len(ids))
	for i, id := range ids {
		items[i] = id.item
	}
	return httpsfv.Marshal(httpsfv.InnerList{Items: items, Params: params})
}
