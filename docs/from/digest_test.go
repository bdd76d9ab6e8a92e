package from

import (
	"net/http"

	"github.com/icholy/digest"

	"github.com/tripper-go/tripper/auth"
)

func digestBefore() *http.Client {
	return &http.Client{Transport: &digest.Transport{
		Username: "user",
		Password: "password",
	}}
}

func digestAfter(host string) (*http.Client, error) {
	var keys auth.Keyring
	if err := keys.Add("user", "password", host); err != nil {
		return nil, err
	}
	return &http.Client{Transport: &auth.Transport{Credentials: &keys}}, nil
}
