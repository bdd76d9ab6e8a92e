package redisstore

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPrints(t *testing.T) {
	const secret = "hunter2"
	c := redis.NewClient(&redis.Options{Username: "app", Password: secret})
	defer c.Close()
	rttest.Prints(t, secret, map[string][]any{"Store": {New(c, ""), (*Store)(nil)}})
}
