package auth

import (
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestReasons(t *testing.T) { rttest.Reasons(t) }
