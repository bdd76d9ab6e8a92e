package caching

import (
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{} })
}

func TestContractShared(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{Shared: true, ObeyNoVarySearch: true, CacheQuery: true} })
}
