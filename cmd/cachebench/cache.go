package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/reports"
)

func newCache(io *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Image caches on ECI: create, list, show, update, delete, wait, apply",
		Long: `Cache looks at and changes the image caches of an Alibaba Cloud account.

  create   makes a cache, after a look whether its images fit and what it costs
  apply    makes the account's caches those of a file, as plan export writes it
  list     all caches, with last match, expiry, cost so far and drift
  show     all that is known of some caches, with their events
  update   changes a cache, or builds it anew
  delete   removes caches
  wait     waits until caches are Ready or have failed

Credentials are found as other tools of Alibaba Cloud find them: the environment
(ALIBABA_CLOUD_ACCESS_KEY_ID, ..._SECRET), the aliyun CLI's profile, an ECS RAM role.
docs/eci.md leads through it; docs/cache.md describes what the commands write.`,
		Example: `  cachebench cache create nginx:1.27 redis:7 --name web --vswitch vsw-1 --security-group sg-1 --wait
  cachebench cache list --region cn-hangzhou
  cachebench cache apply caches.yaml --dry-run`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCacheCreate(io), newCacheList(io), newCacheShow(io), newCacheUpdate(io), newCacheDelete(io), newCacheWait(io), newCacheApply(io))
	return cmd
}

// yamlFormat is of results that have it.
const yamlFormat reports.Format = "yaml"

// accountFormats are those of what the cache commands write.
func accountFormats() []reports.Format {
	return []reports.Format{reports.Text, reports.JSON, yamlFormat}
}

// document writes a value as a document, or else as text.
func (o *outputs) document(kind string, value any, text func() []byte) error {
	switch o.format {
	case string(reports.JSON), string(yamlFormat):
		data, err := marshalAs(o.format == string(yamlFormat), kind, value)
		if err != nil {
			return err
		}
		return o.write(data)
	}
	return o.write(text())
}

// changes writes what a command changed, or would change.
func (o *outputs) changes(changes *reports.CacheChanges) error {
	return o.document(reports.CacheChangesKind, changes, func() []byte { return reports.CacheChangesText(changes) })
}

func marshalAs(yaml bool, kind string, value any) ([]byte, error) {
	data, err := document.Marshal(kind, value)
	if yaml {
		data, err = export.YAML(kind, value)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", kind, err)
	}
	return data, nil
}

// saveAs saves a document in the file that --save names, as YAML where its name says so.
func (o *outputs) saveAs(kind string, value any) error {
	if o.save == "" {
		return nil
	}
	ending := strings.ToLower(filepath.Ext(o.save))
	data, err := marshalAs(ending == ".yaml" || ending == ".yml", kind, value)
	if err != nil {
		return err
	}
	return o.writeTo(o.save, data)
}

// agrees asks a question on the terminal and says with an error that the answer is no.
// Where nobody can be asked, what must be agreed to is refused, and the rest is done.
func (s *streams) agrees(question string, yes, must bool) error {
	switch {
	case yes:
		return nil
	case !s.asks():
		if must {
			return usagef("%s Nobody can be asked here: --yes says yes", question)
		}
		return nil
	}
	s.clear()
	fmt.Fprintf(s.err, "%s [y/N] ", question)
	answered := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(s.in).ReadString('\n')
		answered <- answer
	}()
	// Reading a terminal does not end with the program's context.
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(stopped)
	select {
	case <-stopped:
		return fmt.Errorf("nothing was done: %w", context.Canceled)
	case answer := <-answered:
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return nil
		}
		return errors.New("nothing was done: the answer was not yes")
	}
}

// asks says whether somebody can be asked.
func (s *streams) asks() bool {
	in, ok := s.in.(*os.File)
	return ok && term.IsTerminal(int(in.Fd()))
}

// cacheIDPrefix begins every ID of a cache (eci §1.11).
const cacheIDPrefix = "imc-"

// findCaches finds caches by ID or by name. A name that several caches have, which the
// service allows (eci §6 #16), is refused.
func findCaches(ctx context.Context, client *eci.Client, wanted []string) ([]eci.ImageCache, error) {
	var found []eci.ImageCache
	for _, want := range wanted {
		c, err := findCache(ctx, client, want)
		if err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	return found, nil
}

func findCache(ctx context.Context, client *eci.Client, want string) (eci.ImageCache, error) {
	if strings.HasPrefix(want, cacheIDPrefix) {
		return client.ImageCache(ctx, want)
	}
	all, err := client.AllImageCaches(ctx, eci.ImageCacheQuery{Name: want})
	if err != nil {
		return eci.ImageCache{}, err
	}
	named := namedCaches(all, want)
	if good := slices.DeleteFunc(slices.Clone(named), func(c eci.ImageCache) bool { return c.Status == eci.CacheFailed }); len(good) == 1 {
		// ECI keeps a failed one for a day (eci §1.3).
		named = good
	}
	switch len(named) {
	case 0:
		return eci.ImageCache{}, &eci.Error{
			Input: want, Kind: eci.ErrNotFound, Problem: "no cache of that name in " + client.RegionID(), Advice: "cachebench cache list shows those that there are",
		}
	case 1:
		return named[0], nil
	}
	return eci.ImageCache{}, usagef("several caches are called %s: %s; name one by its ID", want, idsOf(named))
}

func namedCaches(all []eci.ImageCache, name string) (named []eci.ImageCache) {
	for _, c := range all {
		if c.Name == name {
			named = append(named, c)
		}
	}
	return named
}

// idsOf lists caches with what tells them apart.
func idsOf(caches []eci.ImageCache) string {
	var list []string
	for _, c := range caches {
		text := c.ID + " (" + string(c.Status)
		if !c.CreatedAt.IsZero() {
			text += ", of " + c.CreatedAt.UTC().Format("2006-01-02 15:04")
		}
		list = append(list, text+")")
	}
	return strings.Join(list, ", ")
}

// someCaches wants at least one ID or name.
func someCaches(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("%s wants IDs or names of caches; see %s --help", cmd.CommandPath(), cmd.CommandPath())
	}
	seen := make(map[string]bool)
	for _, arg := range args {
		if arg == "" || seen[arg] {
			return usagef("%s: %q is empty or named twice", cmd.CommandPath(), arg)
		}
		seen[arg] = true
	}
	return nil
}
