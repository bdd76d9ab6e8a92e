package policy

import "testing"

// A 304 brings nothing into a store that the response has kept out of it.
func TestMergeKeepsOut(t *testing.T) {
	rows := []struct {
		name, why      string
		stored, update []string
		kept           bool
	}{
		{"by the stored field", "RFC 9111 §5.2.2.7: what it said goes on to hold", []string{`Cache-Control: max-age=9, private="Set-Cookie"`}, nil, false},
		{"by the new field", "what it says now holds", []string{"Cache-Control: max-age=9"}, []string{`Cache-Control: private="Set-Cookie"`}, false},
		{"no more", "what it says now holds", []string{`Cache-Control: private="Set-Cookie"`}, []string{"Cache-Control: max-age=9"}, true},
		{"by a targeted field", "RFC 9213 §2.2", []string{`CDN-Cache-Control: max-age=9, private="set-cookie"`}, nil, false},
		{"by a targeted field still", "it goes before the new one", []string{`CDN-Cache-Control: max-age=9, private="set-cookie"`}, []string{"Cache-Control: max-age=9"}, false},
		{"never", "nothing keeps it out", []string{"Cache-Control: max-age=9"}, nil, true},
	}
	for _, r := range rows {
		cfg := testConfig(true)
		cfg.Targeted = []string{"CDN-Cache-Control"}
		update := headerOf(append(r.update, "Set-Cookie: id=alice")...)
		h := Merge(cfg, headerOf(r.stored...), update)
		if kept := len(h["Set-Cookie"]) > 0; kept != r.kept {
			t.Errorf("%s: kept %v (%s)", r.name, kept, r.why)
		}
	}
}
