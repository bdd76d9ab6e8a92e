package policy

import "github.com/dunglas/httpsfv"

// MaxGroups bounds the groups that one field may name. RFC 9875 §2 and §3 want
// 32 at least.
const MaxGroups = 256

// GroupNames reads Cache-Groups or Cache-Group-Invalidation, each a List of Strings whose
// parameters mean nothing (RFC 9875 §2, §3). A field with anything else in it is no field at
// all: it names no groups.
func GroupNames(values []string) (names []string) {
	if len(values) == 0 {
		return nil
	}
	list, _ := httpsfv.UnmarshalList(values) // nil after an error
	for _, member := range list {
		item, _ := member.(httpsfv.Item)
		name, ok := item.Value.(string)
		if !ok {
			return nil
		}
		names = append(names, name)
	}
	return names
}
