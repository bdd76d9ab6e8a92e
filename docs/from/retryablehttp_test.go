package from

import (
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/tripper-go/tripper/retry"
)

func retryablehttpBefore() *http.Client {
	client := retryablehttp.NewClient()
	client.RetryMax = 4
	client.RetryWaitMin = 100 * time.Millisecond
	client.RetryWaitMax = 5 * time.Second
	client.Logger = nil
	return client.StandardClient()
}

func retryablehttpAfter() *http.Client {
	return &http.Client{Transport: &retry.Transport{
		Attempts: 5, // RetryMax and the first
		Backoff:  retry.FullJitter(100*time.Millisecond, 5*time.Second),
	}}
}
