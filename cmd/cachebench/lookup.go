package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/layers/docstore"
	"github.com/cachebench/cachebench/workload"
)

// lookups are the flags of how images are looked up, but for those that a
// scenario file has too.
type lookups struct {
	platforms     []string
	mirrors       []string
	caFiles       []string
	username      string
	passwordStdin bool
	jobs          int
	perSecond     float64
	offline       bool
	store         string
	noStore       bool
	docker        string
	containerd    string
	namespace     string
	// deep and the rest are only analyze's and diff's.
	deep     bool
	inflater string
	sizes    string
	// several says that the command takes several platforms.
	several bool
	// applied says that the flags are in the scenario.
	applied bool
}

func (l *lookups) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&l.platforms, "platform", nil, "`os/arch[/variant]` of the images; analyze takes several (default "+layers.DefaultPlatform+")")
	f.StringArrayVar(&l.mirrors, "mirror", nil, "ask MIRROR before registry HOST, as `HOST=MIRROR`; repeatable")
	f.StringArrayVar(&l.caFiles, "ca-file", nil, "trust the certificates in this PEM `file` besides the system's; repeatable")
	f.StringVar(&l.username, "username", "", "log in to the one registry asked as this `user`, in place of docker's configuration")
	f.BoolVar(&l.passwordStdin, "password-stdin", false, "read the password for --username from stdin")
	f.IntVar(&l.jobs, "jobs", 0, "`number` of requests to a registry at once (default 16)")
	f.Float64Var(&l.perSecond, "requests-per-second", 0, "most requests to a registry a second (default no limit)")
	f.BoolVar(&l.offline, "offline", false, "ask no registry: use what earlier runs kept")
	f.StringVar(&l.store, "store", "", "`directory` that keeps manifests by digest (default cachebench in the user's cache directory)")
	f.BoolVar(&l.noStore, "no-store", false, "keep nothing, and use nothing that was kept")
	f.StringVar(&l.docker, "docker-host", "", "`address` of the Docker engine for docker-daemon: (default DOCKER_HOST)")
	f.StringVar(&l.containerd, "containerd-root", "", "containerd's root `directory` for containerd: (default /var/lib/containerd)")
	f.StringVar(&l.namespace, "containerd-namespace", "", "containerd's `namespace` (default CONTAINERD_NAMESPACE, else default)")
	for _, dir := range []string{"store", "containerd-root"} {
		cmd.MarkFlagDirname(dir)
	}
	cmd.MarkFlagFilename("ca-file", "pem", "crt")
}

// addDeepFlags adds the flags of reading layers themselves.
func (l *lookups) addDeepFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&l.deep, "deep", false, "read every distinct layer once: verify it, measure its unpacked size, count its files")
	f.StringVar(&l.inflater, "inflater", "", "with --deep, inflate gzip by this `program` on PATH: igzip or unpigz (default in the process)")
	f.StringVar(&l.sizes, "unpacked-sizes", "trailer", "`how` to estimate unpacked sizes: by the gzip trailer, one small request a layer (trailer), or by ratio alone (ratio)")
	cmd.RegisterFlagCompletionFunc("inflater", cobra.FixedCompletions([]string{"igzip", "unpigz"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("unpacked-sizes", cobra.FixedCompletions([]string{"trailer", "ratio"}, cobra.ShellCompDirectiveNoFileComp))
}

func (l *lookups) check() error {
	switch {
	case l.jobs < 0:
		return usagef("--jobs must be above 0")
	case !(l.perSecond >= 0):
		return usagef("--requests-per-second %v is no rate", l.perSecond)
	case l.passwordStdin != (l.username != ""):
		return usagef("--username and --password-stdin go together: pipe the password in")
	case l.offline && l.noStore:
		return usagef("--offline works from what is kept, which --no-store leaves out")
	case l.sizes != "" && l.sizes != "trailer" && l.sizes != "ratio":
		return usagef("--unpacked-sizes %s", document.NoneOf(l.sizes, "trailer", "ratio"))
	}
	if len(l.platforms) > 1 && !l.several {
		return usagef("this is about the images of one platform: give one --platform")
	}
	for _, p := range l.platforms {
		if err := layers.CheckPlatform(p); err != nil {
			return usageError{err}
		}
	}
	return l.checkInflater()
}

// checkInflater refuses a program that cannot be used before anything is asked.
func (l *lookups) checkInflater() error {
	switch {
	case l.inflater == "":
		return nil
	case l.inflater != "igzip" && l.inflater != "unpigz":
		return usagef("--inflater %s", document.NoneOf(l.inflater, "igzip", "unpigz"))
	case !l.deep:
		return usagef("--inflater %s is for reading layers: add --deep", l.inflater)
	}
	if _, err := exec.LookPath(l.inflater); err != nil {
		return usagef("--inflater %s: no such program is on PATH: install it, or leave the flag out", l.inflater)
	}
	return nil
}

// apply puts the flags into the scenario.
func (l *lookups) apply(in *inputs, s *cachebench.Scenario) error {
	if l.applied {
		return nil
	}
	l.applied = true
	o := &s.Resolve
	o.CAFiles, o.Jobs, o.RequestsPerSecond, o.Offline = l.caFiles, l.jobs, l.perSecond, l.offline
	o.Docker, o.ContainerdRoot, o.ContainerdNamespace = l.docker, l.containerd, l.namespace
	o.Deep, o.Inflater, o.Trailers = l.deep, l.inflater, l.sizes == "trailer"
	o.LocalTrailers = l.sizes == "" // the command has no flag for it
	o.Compress = o.Compress || l.deep
	o.Headroom = headroom(in, s)
	for _, pair := range l.mirrors {
		host, mirror, ok := strings.Cut(pair, "=")
		if !ok || host == "" || mirror == "" {
			return usagef("--mirror %q is not of the form HOST=MIRROR", pair)
		}
		if strings.Contains(pair, "://") {
			return usagef("--mirror %q: write hosts without http:// or https://; --plain-http names those without TLS", pair)
		}
		if o.Mirrors == nil {
			o.Mirrors = map[string][]string{}
		}
		o.Mirrors[host] = append(o.Mirrors[host], mirror)
	}
	if l.passwordStdin {
		password, err := readPassword(in.io.in)
		if err != nil {
			return err
		}
		if hosts := s.Hosts(); len(hosts) > 1 {
			return usagef("--username is for one registry, and the images are in %s: use docker login", strings.Join(hosts, " and "))
		}
		o.Username, o.Password = l.username, password
	}
	return l.openStore(in, s)
}

// readPassword takes the first line.
func readPassword(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", usagef("--password-stdin: stdin holds no password")
	}
	return line, nil
}

// openStore opens the directory of kept documents, where a registry is to be
// asked or a layer to be read. Without it the run goes on, and says so.
func (l *lookups) openStore(in *inputs, s *cachebench.Scenario) error {
	if l.noStore || s.Inventory != nil || len(s.Hosts()) == 0 && !l.deep {
		return nil
	}
	dir := l.store
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return l.without(in, err)
		}
		dir = filepath.Join(user, "cachebench")
	}
	store, err := docstore.Open(dir, docstore.Options{ReadOnly: l.offline})
	if l.offline && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nothing is kept in %s yet: run once without --offline, or name another directory with --store", dir)
	}
	if err != nil {
		return l.without(in, err)
	}
	s.Resolve.Store, in.io.store = store, store
	return nil
}

func (l *lookups) without(in *inputs, err error) error {
	if l.offline || l.store != "" {
		return err
	}
	fmt.Fprintf(in.io.err, "cachebench: nothing is kept for later runs: %v\n", err)
	return nil
}

// headroom says on stderr, once a registry, what it lets the run ask: before a big
// run, and where it may not be enough.
func headroom(in *inputs, s *cachebench.Scenario) func(distribution.Headroom) {
	if in.quiet {
		return nil
	}
	var mu sync.Mutex
	told := make(map[string]bool)
	return func(h distribution.Headroom) {
		mu.Lock()
		defer mu.Unlock()
		references := int64(len(s.References()))
		// Two requests an image, a manifest and a config; of an index a third.
		need := 3 * references
		scarce := h.Remaining <= need
		if told[h.Host] || !scarce && references < layers.BigRun {
			return
		}
		told[h.Host] = true
		advice := ""
		if scarce {
			advice = ": log in, or let an earlier run's documents serve (--store)"
		}
		in.io.clear()
		fmt.Fprintf(in.io.err, "cachebench: %s leaves %d requests%s%s; this run may need up to %d%s\n",
			h.Host, h.Remaining, ofLimit(h.Limit), within(h.Window), need, advice)
	}
}

func ofLimit(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" of %d", n)
}

func within(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(" in %s", strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m"))
}

// lists are the flags of analyze that name images in files.
type lists struct {
	files      []string
	kubernetes []string
	lastTags   int
}

func (l *lists) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&l.files, "images-from", "f", nil, "`file` with a reference a line (# begins a comment); - is stdin; repeatable")
	f.StringArrayVar(&l.kubernetes, "from-kubernetes", nil, "`file` of Kubernetes manifests or pods, YAML or JSON, whose images are taken; - is stdin; repeatable")
	f.IntVar(&l.lastTags, "last-tags", 0, "take the `N` newest tags of each repository named")
}

// readList returns the references in a file, a line each.
func readList(name string, r io.Reader) ([]string, error) {
	var references []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimPrefix(strings.TrimSpace(line), "\ufeff")
		switch {
		case line == "":
		case strings.ContainsAny(line, " \t"):
			return nil, usagef("%s:%d: %q is more than one reference: write one a line", name, n, line)
		default:
			references = append(references, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return references, nil
}

// openInput opens a file that the user named; - is stdin.
func openInput(from *streams, name string) (io.ReadCloser, string, error) {
	if name == "-" {
		return io.NopCloser(from.in), "stdin", nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, "", usageError{fmt.Errorf("read input: %w", err)}
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, "", usagef("read input: %s is a directory: name its files one by one", name)
	}
	return f, name, nil
}

// fromStdin refuses two lists that are both to be read from the standard input.
func (l *lists) fromStdin() error {
	var flags []string
	for flag, names := range map[string][]string{"--images-from -": l.files, "--from-kubernetes -": l.kubernetes} {
		for _, name := range names {
			if name == "-" {
				flags = append(flags, flag)
			}
		}
	}
	if slices.Sort(flags); len(flags) > 1 {
		return usagef("%s: only one of them can read stdin", strings.Join(flags, " and "))
	}
	return nil
}

// references are those that the files name, after those of the arguments.
func (l *lists) references(in *inputs, arguments []string) ([]string, error) {
	if err := l.fromStdin(); err != nil {
		return nil, err
	}
	all := slices.Clone(arguments)
	for _, name := range l.files {
		f, title, err := openInput(in.io, name)
		if err != nil {
			return nil, err
		}
		references, err := readList(title, f)
		f.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, references...)
	}
	for _, name := range l.kubernetes {
		f, title, err := openInput(in.io, name)
		if err != nil {
			return nil, err
		}
		images, said, err := workload.ImagesOf(title, f)
		f.Close()
		if err != nil {
			return nil, err
		}
		in.say(said)
		for _, image := range images {
			all = append(all, image.Reference)
		}
	}
	return all, nil
}

// newest takes the newest tags of the repositories in place of these.
func (l *lists) newest(ctx context.Context, in *inputs, s *cachebench.Scenario) error {
	if l.lastTags == 0 {
		return nil
	}
	var references []string
	for _, repository := range s.Images {
		found, said, err := s.LastTags(ctx, repository, l.lastTags)
		in.say(said)
		if err != nil {
			return err
		}
		references = append(references, found...)
	}
	s.Images = references
	return nil
}

// say writes notes for people.
func (in *inputs) say(notes []string) {
	in.io.clear()
	for _, note := range notes {
		fmt.Fprintln(in.io.err, "cachebench: note:", note)
	}
}
