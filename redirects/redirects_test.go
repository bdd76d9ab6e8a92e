package redirects

import (
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{} })
}

func TestContractAllOn(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer {
		return &Transport{Unsafe: true, ForwardAuthorization: true, Downgrade: true, Policy: And(), KeepBody: -1}
	})
}
