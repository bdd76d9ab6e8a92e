package benchmarks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// sizedPrograms are programs that use one package, each by what http.Client has for its Transport.
var sizedPrograms = []struct {
	name, imports, transport string
	most                     int64 // KiB
}{
	{"hook", "trace", `(&trace.Hook{Func: func(e trace.Event) { println(e.Layer, e.Action) }}).Wrap(http.DefaultTransport)`, 40},
	{"wire", "trace", `(&trace.Hook{}).Wrap((&trace.Wire{}).Wrap(http.DefaultTransport))`, 164},
	{"redirects", "redirects", `&redirects.Transport{}`, 108},
	{"retry", "retry", `&retry.Transport{}`, 240},
}

// sizeOf returns the size of a stripped program whose http.Client has the given Transport, in bytes.
func sizeOf(tb testing.TB, imports, transport string) int64 {
	tb.Helper()
	dir := tb.TempDir()
	if imports != "" {
		imports = fmt.Sprintf("import %q\n", "github.com/tripper-go/tripper/"+imports)
	}
	source := "package main\n\nimport (\n\t\"net/http\"\n\t\"os\"\n)\n\n" + imports + `
func main() {
	client := &http.Client{Transport: ` + transport + `}
	if resp, err := client.Get(os.Args[1]); err == nil {
		_ = resp.Body.Close()
	}
}
`
	file, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		tb.Fatal(err)
	}
	build := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, file)
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		tb.Fatal(err)
	}
	return info.Size()
}

// TestSize: a program that uses one small package becomes larger, over one that uses net/http only,
// by no more than this. What makes one larger is seldom code: a table that is made when the program
// starts is in every program, and so is every method of a type that can be reached by reflection.
// "go tool nm -size -sort size" shows the tables, "go build -ldflags=-dumpdep" what needs them.
func TestSize(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds programs")
	}
	// Linkers for other systems align differently, and so may those of later versions.
	exact := runtime.GOOS == "linux" && runtime.GOARCH == "amd64" && strings.HasPrefix(runtime.Version(), "go1.26")
	base := sizeOf(t, "", "http.DefaultTransport")
	for _, p := range sizedPrograms {
		kib := (sizeOf(t, p.imports, p.transport) - base) >> 10
		t.Logf("%s: %d KiB", p.name, kib)
		if exact && kib > p.most {
			t.Errorf("a program with %s alone is larger by %d KiB, want %d at most", p.name, kib, p.most)
		}
	}
}
