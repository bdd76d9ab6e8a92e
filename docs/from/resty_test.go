package from

import (
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/transport"
)

func restyBefore() *resty.Client {
	return resty.New().
		SetTimeout(time.Minute).
		SetBasicAuth("user", "password").
		SetRetryCount(3).
		SetRetryWaitTime(100 * time.Millisecond).
		AddRetryCondition(func(r *resty.Response, _ error) bool { return r.StatusCode() == http.StatusServiceUnavailable }).
		SetRedirectPolicy(resty.FlexibleRedirectPolicy(5))
}

func restyAfter(host string) (*http.Client, error) {
	var keys auth.Keyring
	if err := keys.Add("user", "password", host); err != nil {
		return nil, err
	}
	client := tripper.Chain{
		&redirects.Transport{Max: 5},
		&retry.Transport{Attempts: 4, Backoff: retry.FullJitter(100*time.Millisecond, 2*time.Second)},
		&auth.Transport{Credentials: &keys, Preemptive: true},
	}.Client(&transport.Transport{})
	client.Timeout = time.Minute
	return client, nil
}

// resty builds requests and decodes responses; the layers go below it.
func restyOver(client *http.Client) *resty.Client {
	return resty.NewWithClient(client)
}
