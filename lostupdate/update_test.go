package lostupdate

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

func appendX(current []byte) ([]byte, error) { return append(bytes.Clone(current), 'x'), nil }

func TestUpdate(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		name, why string
		edit      func([]byte) ([]byte, error)
		answers   []string
		want      []string
		status    int
		err       error
	}{
		{
			name: "at once", why: "get, edit, put", status: 204,
			answers: []string{"200 OK\nETag: \"a\"\nContent-Type: text/x\n\n1", "204 Done"}, want: []string{"GET /x", `PUT /x If-Match: "a" 1x text/x`},
		},
		{
			name: "conflicts", why: "each time the change is made to what is there", status: 200,
			answers: []string{"200 OK\nETag: \"a\"\n\n1", "412 No\n\nno", "200 OK\nETag: \"b\"\n\n2", "412 No", "200 OK\nETag: \"c\"\n\n3", "200 OK"},
			want:    []string{"GET /x", `PUT /x If-Match: "a" 1x`, "GET /x", `PUT /x If-Match: "b" 2x`, "GET /x", `PUT /x If-Match: "c" 3x`},
		},
		{
			name: "new", why: "what does not exist is created, unless somebody does meanwhile", status: 201,
			answers: []string{"404 No", "412 No", "200 OK\nETag: \"a\"\n\n1", "201 Created"}, want: []string{"GET /x", "PUT /x If-None-Match: * x", "GET /x", `PUT /x If-Match: "a" 1x`},
		},
		{
			name: "edit fails", why: "nothing is written", edit: func([]byte) ([]byte, error) { return nil, boom }, err: boom,
			answers: []string{"200 OK\nETag: \"a\"\n\n1"}, want: []string{"GET /x"},
		},
		{
			name: "forbidden", why: "an answer like any other", status: 403, answers: []string{"403 No\n\nno"}, want: []string{"GET /x"},
		},
		{
			name: "no validator", why: "never without protection", err: ErrUnsure, answers: []string{"200 OK\n\n1"}, want: []string{"GET /x"},
		},
		{
			name: "weak and then strong", why: "Apache's weak second passes", status: 204,
			answers: []string{"200 OK\nETag: W/\"a\"\nLast-Modified: " + now + "\nDate: " + now + "\n\n1", "200 OK\nETag: \"a\"\n\n1", "204 Done"}, want: []string{"GET /x", "GET /x", `PUT /x If-Match: "a" 1x`},
		},
		{
			name: "no validator", why: "there is nothing to protect it with", err: ErrUnsure, answers: []string{"200 OK\n\n1"}, want: []string{"GET /x"},
		},
		{
			name: "weak", why: "FHIR and OData compare weak tags", status: 200, answers: []string{"200 OK\nETag: W/\"1\"\n\n1", "200 OK"}, want: []string{"GET /x", `PUT /x If-Match: W/"1" 1x`},
		},
		{
			name: "weak, and never matched", why: "RFC 9110 §13.1.1: the server is right, and nothing protects the write", err: ErrUnsure,
			answers: []string{"200 OK\nETag: W/\"1\"\n\n1", "412 No", "200 OK\nETag: W/\"1\"\n\n1"}, want: []string{"GET /x", `PUT /x If-Match: W/"1" 1x`, "GET /x"},
		},
		{
			name: "Last-Modified is always now", why: "it is not looked at for ever: the server decides", status: 204,
			answers: []string{"200 OK\nLast-Modified: " + now + "\nDate: " + now + "\n\n1", "200 OK\nLast-Modified: " + now + "\nDate: " + now + "\n\n1", "200 OK\nLast-Modified: " + now + "\nDate: " + now + "\n\n1", "204 Done"},
			want:    []string{"GET /x", "GET /x", "GET /x", "PUT /x If-Unmodified-Since: " + now + " 1x"},
		},
		{
			name: "coded", why: "edit would get rubbish", err: errCoded, answers: []string{"200 OK\nETag: \"a\"\nContent-Encoding: br\n\n1"}, want: []string{"GET /x"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := rttest.NewScript(t, rttest.Answers(tt.answers...)...)
				if tt.edit == nil {
					tt.edit = appendX
				}
				resp, err := Update(t.Context(), &http.Client{Transport: (&Transport{}).Wrap(script)}, "http://example.com/x", tt.edit)
				if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
					t.Fatalf("error %v, want %v: %s", err, tt.err, tt.why)
				}
				if err == nil {
					_ = resp.Body.Close()
					if resp.StatusCode != tt.status {
						t.Errorf("status %d, want %d: %s", resp.StatusCode, tt.status, tt.why)
					}
				}
				var got []string
				lines := sent(script.Requests())
				for i, r := range script.Requests() {
					got = append(got, strings.TrimRight(lines[i]+" "+r.Body+" "+r.Header.Get("Content-Type"), " "))
				}
				if diff := compare.Diff(tt.want, got); diff != "" {
					t.Errorf("sent mismatch (-want +got):\n%s%s", diff, tt.why)
				}
			})
		})
	}
}

func TestUpdateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []rttest.Step
		for range updateTries {
			all = append(all, rttest.Respond("HTTP/1.1 200 OK\nETag: \"a\"\n\n1"), rttest.Respond("HTTP/1.1 412 No\n\nno"))
		}
		_, err := Update(t.Context(), &http.Client{Transport: rttest.NewScript(t, all...)}, "http://example.com/x", appendX) //nolint:bodyclose // there is none
		var c *ConflictError
		if !errors.As(err, &c) || c.Sent != `"a"` || c.Response.StatusCode != 412 {
			t.Errorf("error %v", err)
		}
	})
}

// A write whose first attempt got through, though its answer was lost, is done.
func TestUpdateAmbiguous(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := rttest.NewScript(t, rttest.Answers("200 OK\nETag: \"a\"\n\n1", "412 No", "200 OK\nETag: \"b\"\n\n1x")...)
		twice := rttest.Func(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPut {
				roundtrip.CountAttempt(req.Context())
			}
			roundtrip.CountAttempt(req.Context())
			return script.RoundTrip(req)
		})
		resp, err := Update(t.Context(), &http.Client{Transport: twice}, "http://example.com/x", appendX)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
	})
}

// Many editors at once, on a server whose check and write are one step.
func TestUpdateConcurrent(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	version, content := 0, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		tag := strconv.Quote(strconv.Itoa(version))
		if r.Method == http.MethodGet {
			w.Header().Set("ETag", tag)
			_, _ = io.WriteString(w, content)
			return
		}
		if r.Header.Get("If-Match") != tag {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		version, content = version+1, string(body)
	}))
	defer srv.Close()
	client := &http.Client{Transport: (&Transport{}).Wrap(srv.Client().Transport)}
	var wg sync.WaitGroup
	var done atomic.Int32
	for range 6 {
		wg.Go(func() {
			for range 10 {
				resp, err := Update(t.Context(), client, srv.URL, appendX)
				if _, conflict := errors.AsType[*ConflictError](err); conflict {
					continue // that much bad luck is an answer, too
				}
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if n := int(done.Load()); n != len(content) || n == 0 {
		t.Errorf("%d updates, of which %d are there", n, len(content))
	}
}
