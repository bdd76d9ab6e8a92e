package benchmarks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkBinary is how much larger a program is that uses one thing of tripper than one that uses net/http
// alone, without symbols.
//
//	go test -run '^$' -bench Binary -benchtime 1x
func BenchmarkBinary(b *testing.B) {
	size := func(b *testing.B, imports, transport string) float64 {
		dir := b.TempDir()
		source, out := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
		text := fmt.Sprintf("package main\n\nimport (\n\t\"net/http\"\n\t%s\n)\n\nfunc main() {\n\tc := &http.Client{Transport: %s}\n\t_, _ = c.Get(\"http://localhost/\")\n}\n", imports, transport)
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, source)
		if text, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, text)
		}
		info, err := os.Stat(out)
		if err != nil {
			b.Fatal(err)
		}
		return float64(info.Size()) / 1024
	}
	const module = "github.com/tripper-go/tripper"
	for _, row := range []struct{ name, imports, transport string }{
		{"hook", `"` + module + `/trace"`, "(&trace.Hook{Func: func(e trace.Event) { println(e.Action) }}).Wrap(nil)"},
		{"redirects", `"` + module + `/redirects"`, "&redirects.Transport{}"},
		{"retry", `"` + module + `/retry"`, "&retry.Transport{}"},
		{"caching", `"` + module + `/caching"`, "&caching.Transport{}"},
	} {
		b.Run(row.name, func(b *testing.B) {
			bare := size(b, "", "http.DefaultTransport")
			b.ReportMetric(size(b, row.imports, row.transport)-bare, "KiB/ours")
			b.ReportMetric(0, "ns/op")
		})
	}
}
