package oteltrace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// requestAttributes returns what is known of a request before it is sent.
func requestAttributes(req *http.Request) []attribute.KeyValue {
	attrs := []attribute.KeyValue{attribute.String("http.request.method", methodOf(req))}
	if method := roundtrip.Method(req); method != methodOf(req) {
		attrs = append(attrs, attribute.String("http.request.method_original", method))
	}
	if req.URL == nil {
		return attrs
	}
	origin := roundtrip.OriginOf(req.URL)
	attrs = append(attrs, attribute.String("url.full", trace.Redact(req.URL)), attribute.String("server.address", origin.Host))
	if port, err := strconv.Atoi(origin.Port); err == nil {
		attrs = append(attrs, attribute.Int("server.port", port))
	}
	return attrs
}

// methodOf returns the method of req, or _OTHER.
func methodOf(req *http.Request) string { return knownMethod(roundtrip.Method(req)) }

// knownMethod bounds the number of methods that there are metrics of.
func knownMethod(method string) string {
	switch method {
	case http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch,
		http.MethodPost, http.MethodPut, http.MethodTrace, "QUERY":
		return method
	}
	return "_OTHER"
}

// resultAttributes returns what came of a request.
func resultAttributes(status int, err error) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	if status != 0 {
		attrs = append(attrs, attribute.Int("http.response.status_code", status))
	}
	switch {
	case err != nil:
		attrs = append(attrs, attribute.String("error.type", errorType(err)))
	case status >= 400:
		attrs = append(attrs, attribute.String("error.type", strconv.Itoa(status)))
	}
	return attrs
}

// errorType names the kind of an error, of which there are few.
func errorType(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
		}
		err = inner
	}
}

// setStatus marks a span as one of an error.
func setStatus(span oteltrace.Span, status int, err error) {
	switch {
	case err != nil:
		span.SetStatus(codes.Error, trace.RedactError(err))
	case status >= 400:
		span.SetStatus(codes.Error, "")
	}
}
