package caching_test

import (
	"testing"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func() caching.Store { return caching.NewMemory(16 << 20) })
}
