package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTour(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tour := &tour{w: &out}
	if err := tour.take(t.Context(), ""); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"caching", "decompress", "redirects", "auth", "retry", "lostupdate", "All 9 steps ended as they say."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the timeline does not speak of %q:\n%s", want, out.String())
		}
	}
	file := filepath.Join(t.TempDir(), "tour.html")
	if err := tour.write(file); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(page), "9 calls") || strings.Count(string(page), "<section id=") != 9 {
		t.Errorf("the page is not that of 9 calls, %v", err)
	}
	for _, secret := range []string{"Circle of Life", "for-the-first-origin-only"} {
		if strings.Contains(out.String(), secret) || strings.Contains(string(page), secret) {
			t.Errorf("the timeline tells %q", secret)
		}
	}
	if err := tour.write(filepath.Join(file, "none")); err == nil {
		t.Error("no error for a page that cannot be written")
	}
}

func TestTourURL(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(article))
	defer srv.Close()
	var out bytes.Buffer
	if err := (&tour{w: &out}).take(t.Context(), srv.URL+"/article"); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "All 3 steps") {
		t.Errorf("got:\n%s", out.String())
	}
}

func TestTourFails(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	var out bytes.Buffer
	if err := (&tour{w: &out}).take(t.Context(), srv.URL); err == nil || !strings.Contains(out.String(), "NOT AS EXPECTED") {
		t.Errorf("a server that answers 404 passed: %v\n%s", err, out.String())
	}
}
