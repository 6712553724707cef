package main

import (
	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/reports"
)

func newCacheShow(io *streams) *cobra.Command {
	v := newCacheView(io)
	cmd := &cobra.Command{
		Use:   "show ID|NAME...",
		Short: "All that is known of some caches, with their events",
		Long: `Show tells all that is known of caches: status and progress, images and whether their
tags have moved since, last match, expiry, what they cost, and the events of their making.

A tag has drifted where its image was made after the cache, or where a lock or a list of
caches from when the cache was built (--lock, --caches) has another digest. The service
itself does not tell what a cache holds: without such a file an older image may be the
same, and the drift is unknown.`,
		Example: `  cachebench cache show web
  cachebench cache show imc-2zebxkiifuyzzlhl3rpm --lock web.lock.json --output json`,
		Args: someCaches,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.open(); err != nil {
				return err
			}
			client, err := v.eci.client()
			if err != nil {
				return err
			}
			found, err := findCaches(cmd.Context(), client, args)
			if err != nil {
				return err
			}
			a, err := v.view(cmd, client.RegionID(), found)
			if err != nil {
				return err
			}
			return v.out.document(reports.AccountCachesKind, a, func() []byte { return reports.CacheText(a) })
		},
	}
	v.addFlags(cmd)
	v.out.addFlags(cmd, "")
	return cmd
}
