package eci

import (
	"cmp"
	"errors"
	"iter"
)

// paged gives the items of page after page, until there is no further token. A token
// that came before would go on for ever, and whoever took what there is for the whole
// list would miss the rest: it is an error. So is a row that cannot be read, but one that
// waits until all others are given.
func paged[T any](k call, token string, page func(token string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seen := map[string]bool{"": true} // no token is the first page's
		var unread error
		for at := token; ; {
			seen[at] = true
			items, next, err := page(at)
			for i := range items {
				if !yield(items[i], nil) {
					return
				}
			}
			if isUnread(err) {
				unread, err = cmp.Or(unread, err), nil
			}
			if err == nil && next != "" && seen[next] {
				err = &Error{Action: k.action, Input: k.input, Kind: ErrReply, Problem: "the list's token repeats, so that its end is not known"}
			}
			if err == nil && next == "" {
				err = unread
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

// isUnread says whether an error is of rows that cannot be read, beside others.
func isUnread(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.unread
}

// all collects a sequence. Beside an error of rows that cannot be read it gives the others.
func all[T any](items iter.Seq2[T, error]) ([]T, error) {
	var list []T
	for item, err := range items {
		if err != nil {
			if !isUnread(err) {
				list = nil
			}
			return list, err
		}
		list = append(list, item)
	}
	return list, nil
}
