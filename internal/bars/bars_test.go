package bars

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"
)

func TestSVG(t *testing.T) {
	t.Parallel()
	c := Chart{End: 3, Title: "a < b", About: "bars", Mark: 1, MarkText: "one", Note: "said below", Groups: []Group{
		{"work", []Bar{{"ours", "2 ×", 2, true}, {"others'", "4 ×", 4, false}}},
	}}
	for _, row := range []struct {
		why        string
		most       float64
		want, none string
	}{
		{"the longest bar has all the width", 0, `<rect class="other" x="16" y="105" width="560.0"`, `class="cut"`},
		{"half the value is half the bar", 0, `<rect class="ours" x="16" y="85" width="280.0"`, `class="cut"`},
		{"what is longer than the most is cut", 2, `<path class="cut"`, `width="1120.0"`},
		{"the line stands where a bar of its value would end", 5, `<path class="mark" d="M156.0 `, `class="cut"`},
	} {
		c.Most = row.most
		svg := c.SVG()
		if !bytes.Contains(svg, []byte(row.want)) || bytes.Contains(svg, []byte(row.none)) {
			t.Errorf("%s:\n%s", row.why, svg)
		}
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v\n%s", err, svg)
			}
		}
	}
}

// A chart without a bar, or with those of nothing, is one as well.
func TestNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []Chart{{}, {Groups: []Group{{"work", []Bar{{}}}}}} {
		if svg := c.SVG(); bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s", svg)
		}
	}
}
