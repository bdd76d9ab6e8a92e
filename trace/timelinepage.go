package trace

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// WritePage writes the calls as one HTML page, which needs no other file and no script.
func (t *Timeline) WritePage(w io.Writer) error {
	var text strings.Builder
	if _, err := t.WriteTo(&text); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Timeline</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<pre>%s</pre></html>
`, html.EscapeString(text.String()))
	return err
}
