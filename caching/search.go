package caching

import "context"

func (x *exchange) searchKey() (string, string) { return "", "" }

func (st *state) addSearch(context.Context, *exchange, *Meta) {}
