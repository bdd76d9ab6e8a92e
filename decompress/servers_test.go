package decompress

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/tripper-go/tripper/internal/servers"
)

// files fills the document root of a server with one file as it is and in every
// coding, the latter for servers that do not encode by themselves.
func files(t *testing.T, s *servers.Server, data []byte) {
	t.Helper()
	dir := filepath.Join(s.Dir, "htdocs")
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("page.html", data)
	for _, c := range []string{"gzip", "zlib", "raw", "br", "zstd"} {
		write("page."+c, encode(t, c, data))
	}
}

// serverCase is one response of a real server.
type serverCase struct{ path, accept, want string }

func checkServer(t *testing.T, s *servers.Server, data []byte, cases []serverCase) {
	t.Helper()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	for _, tt := range cases {
		layer := &Transport{Base: tr}
		if tt.accept != "" {
			layer.Codings = []string{tt.accept}
		}
		client := &http.Client{Transport: layer}
		for _, method := range []string{"GET", "HEAD", "GET"} {
			req, _ := http.NewRequestWithContext(t.Context(), method, s.URL+tt.path, nil)
			resp, err := client.Do(req)
			if err != nil {
				t.Errorf("%s %s as %q: %v", method, tt.path, tt.accept, err)
				continue
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if method == "HEAD" {
				if err != nil || len(body) > 0 || resp.Uncompressed {
					t.Errorf("HEAD %s: %d bytes, %v", tt.path, len(body), err)
				}
				continue
			}
			if err != nil || !bytes.Equal(body, data) {
				t.Errorf("%s as %q: status %d, %d bytes, %v", tt.path, tt.accept, resp.StatusCode, len(body), err)
			}
			o := Original(resp)
			if o == nil || o.ContentEncoding != tt.want {
				t.Errorf("%s as %q: came as %+v, want %q", tt.path, tt.accept, o, tt.want)
				continue
			}
			if wire, decoded := o.Sizes(); wire == 0 || wire >= decoded || decoded != int64(len(data)) {
				t.Errorf("%s as %q: %d bytes on the wire, %d decoded", tt.path, tt.accept, wire, decoded)
			}
		}
		// A range of it is left alone.
		req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+tt.path, nil)
		req.Header.Set("Range", "bytes=0-9")
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("range of %s: %v", tt.path, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.Uncompressed || resp.StatusCode == http.StatusPartialContent && len(body) != 10 {
			t.Errorf("range of %s: status %d, %d bytes, %v, decoded %v", tt.path, resp.StatusCode, len(body), err, resp.Uncompressed)
		}
	}
}

func TestNginx(t *testing.T) {
	brotli := ""
	if m, _ := filepath.Glob("/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so"); len(m) > 0 {
		brotli = "brotli on; brotli_min_length 1; brotli_types text/html;"
	}
	s := servers.Nginx(t, `server {
		listen 127.0.0.1:{{.Port}};
		gzip on; gzip_min_length 1; gzip_proxied any; gzip_vary on;
		`+brotli+`
		types { text/html html; application/octet-stream gzip zlib raw br zstd; }
		location ~ \.gzip$ { add_header Content-Encoding gzip; }
		location ~ \.(zlib|raw)$ { add_header Content-Encoding deflate; }
		location ~ \.br$ { add_header Content-Encoding br; }
		location ~ \.zstd$ { add_header Content-Encoding zstd; }
	}`)
	data := text(100_000)
	files(t, s, data)
	cases := []serverCase{
		{"/page.html", "gzip", "gzip"},
		{"/page.gzip", "", "gzip"},
		{"/page.zlib", "", "deflate"},
		{"/page.raw", "", "deflate"},
		{"/page.br", "", "br"},
		{"/page.zstd", "", "zstd"},
	}
	if brotli != "" {
		cases = append(cases, serverCase{"/page.html", "", "br"})
	}
	checkServer(t, s, data, cases)
}

func TestApache(t *testing.T) {
	s := servers.Apache(t, `
		DeflateBufferSize 4096
		<Location "/page.html">
			SetOutputFilter BROTLI_COMPRESS;DEFLATE
		</Location>
		AddType text/html .html
		AddType application/octet-stream .gzip .zlib .raw .br .zstd
		AddEncoding gzip .gzip
		AddEncoding deflate .zlib
		AddEncoding deflate .raw
		AddEncoding br .br
		AddEncoding zstd .zstd
	`)
	data := text(100_000)
	files(t, s, data)
	checkServer(t, s, data, []serverCase{
		{"/page.html", "gzip", "gzip"},
		{"/page.html", "br", "br"},
		{"/page.gzip", "", "gzip"},
		{"/page.zlib", "", "deflate"},
		{"/page.raw", "", "deflate"},
		{"/page.br", "", "br"},
		{"/page.zstd", "", "zstd"},
	})
}

func TestLighttpd(t *testing.T) {
	s := servers.Lighttpd(t, `
		server.modules += ("mod_deflate", "mod_setenv")
		mimetype.assign = (".html" => "text/html", "" => "application/octet-stream")
		deflate.mimetypes = ("text/html")
		deflate.allowed-encodings = ("zstd", "br", "gzip", "deflate")
		deflate.min-compress-size = 1
		$HTTP["url"] =~ "\.gzip$" { setenv.add-response-header = ("Content-Encoding" => "gzip") }
		$HTTP["url"] =~ "\.(zlib|raw)$" { setenv.add-response-header = ("Content-Encoding" => "deflate") }
		$HTTP["url"] =~ "\.br$" { setenv.add-response-header = ("Content-Encoding" => "br") }
		$HTTP["url"] =~ "\.zstd$" { setenv.add-response-header = ("Content-Encoding" => "zstd") }
	`)
	data := text(100_000)
	files(t, s, data)
	checkServer(t, s, data, []serverCase{
		{"/page.html", "zstd", "zstd"},
		{"/page.html", "br", "br"},
		{"/page.html", "gzip", "gzip"},
		{"/page.html", "deflate", "deflate"},
		{"/page.gzip", "", "gzip"},
		{"/page.zlib", "", "deflate"},
		{"/page.raw", "", "deflate"},
		{"/page.br", "", "br"},
		{"/page.zstd", "", "zstd"},
	})
}
