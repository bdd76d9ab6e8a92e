package policy

import "github.com/dunglas/httpsfv"

// MaxGroups bounds the groups that one field may name. RFC 9875 §2 and §3 want
// 32 at least.
const MaxGroups = 256

// GroupNames reads Cache-Groups or Cache-Group-Invalidation, each a List of
// Strings whose parameters mean nothing (RFC 9875 §2, §3). ok is false for a field
// with anything else in it, which is no field at all.
func GroupNames(values []string) (names []string, ok bool) {
	if len(values) == 0 {
		return nil, false
	}
	list, err := httpsfv.UnmarshalList(values)
	if err != nil {
		return nil, false
	}
	for _, member := range list {
		item, is := member.(httpsfv.Item)
		if !is {
			return nil, false
		}
		name, is := item.Value.(string)
		if !is {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}
