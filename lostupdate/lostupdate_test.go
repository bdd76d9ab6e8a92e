package lostupdate

import (
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{} })
}

func TestContractAllOn(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer {
		return &Transport{Methods: []string{"PUT", "PATCH", "DELETE"}, Unsure: Fetch, Required: true, ConflictErrors: true}
	})
}
