package caching

import (
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{} }, "the response of the layer below is not changed", "the caller's deadline holds for every request")
}

func TestContractShared(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{Shared: true, NoVarySearch: true, Query: true} }, "the response of the layer below is not changed", "the caller's deadline holds for every request")
}
