package eci

import "iter"

// paged gives the items of page after page, until there is no further token. A token
// that came before would go on for ever, and whoever took what there is for the whole
// list would miss the rest: it is an error.
func paged[T any](k call, token string, page func(token string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seen := map[string]bool{"": true} // no token is the first page's
		for at := token; ; {
			seen[at] = true
			items, next, err := page(at)
			for i := 0; err == nil && i < len(items); i++ {
				if !yield(items[i], nil) {
					return
				}
			}
			if err == nil && next != "" && seen[next] {
				err = &Error{Action: k.action, Input: k.input, Kind: ErrReply, Problem: "the list's token repeats, so that its end is not known"}
			}
			if err != nil {
				var none T
				yield(none, err)
			}
			if err != nil || next == "" {
				return
			}
			at = next
		}
	}
}

// all collects a sequence, up to its first error.
func all[T any](items iter.Seq2[T, error]) ([]T, error) {
	var list []T
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}
