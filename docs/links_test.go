package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// link is an inline link, an image, or an attribute of HTML in a document.
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:href|src|srcset)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
	dropped = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// Every link inside the repository leads to a file, and to a heading in it; what
// leads to pkg.go.dev names a package or module of this repository.
func TestLinks(t *testing.T) {
	const module, ours = "github.com/tripper-go/tripper", "https://pkg.go.dev/github.com/tripper-go/tripper"
	anchors := map[string][]string{}
	for _, page := range pages(t) {
		anchors[page] = anchorsOf(readFile(t, page))
	}
	for _, page := range pages(t) {
		for _, parts := range link.FindAllStringSubmatch(fence.ReplaceAllString(readFile(t, page), ""), -1) {
			target := parts[1] + parts[2]
			if name, ok := strings.CutPrefix(target, ours); ok {
				name, _, _ = strings.Cut(name, "#")
				if !exists(name) {
					t.Errorf("%s: %s%s is no package", page, module, name)
				}
				continue
			}
			if strings.Contains(target, ":") {
				continue
			}
			name, anchor, _ := strings.Cut(target, "#")
			full := page
			if name != "" {
				full = path.Join(path.Dir(page), name)
			}
			if !exists(full) {
				t.Errorf("%s: the link %s leads nowhere", page, target)
			} else if anchor != "" && !slices.Contains(anchors[full], anchor) {
				t.Errorf("%s: %s has no heading #%s", page, full, anchor)
			}
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(filepath.Join("..", filepath.FromSlash(name)))
	return err == nil
}

// anchorsOf returns what GitHub makes of the headings of a document.
func anchorsOf(text string) []string {
	var anchors []string
	for _, parts := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		title := link.ReplaceAllString(strings.ToLower(parts[1]), "")
		anchors = append(anchors, strings.ReplaceAll(dropped.ReplaceAllString(title, ""), " ", "-"))
	}
	return anchors
}
