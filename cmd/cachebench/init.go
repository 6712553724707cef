package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

func newInit(io *streams) *cobra.Command {
	start := &initialiser{io: io}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "A commented scenario to start from, also from a cluster's pods or manifests",
		Long: `Init writes scenario.yaml and workload.yaml, with a comment on every key, and
with a cluster's pods also lock.yaml, which pins tags to the digests that the
pods run. Without pods, manifests or images it writes an example to edit.

From pods (kubectl get pods -A -o json) it takes each controller's images, init
containers and injected sidecars included, requests and pull policy. How often
an app starts and how long it runs, one look at a cluster shows only in part:
each number says where it comes from. With events and nodes (kubectl get
pods,events,nodes -A -o json) it also has the pools of nodes, their platforms, and
how many starts pulled.

From manifests it takes the same of every pod template, whatever its kind is,
replicas and schedules; how often pods start they do not tell. They are read as
JSON or YAML, as kubectl get, helm template and kubectl kustomize write them.
Where pods are given too, the manifests of what started them add nothing.`,
		Example: `  cachebench init
  cachebench init --image nginx:1.27 --image python:3.13-slim --dir caches
  kubectl get pods -A -o json | cachebench init --from-kubernetes -
  kubectl get pods,events,nodes -A -o json | cachebench init --from-kubernetes -
  helm template shop ./chart | cachebench init --from-kubernetes -
  cachebench init --from-kubernetes pods.json --from-kubernetes jobs.yaml --force`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return start.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&start.objects, "from-kubernetes", nil, "make the workload of the pods and manifests in this `file`, JSON or YAML; - is stdin; repeatable")
	f.StringArrayVar(&start.images, "image", nil, "make an app of this image `reference`; repeatable")
	f.StringVar(&start.dir, "dir", ".", "`directory` to write to; made when it is not there")
	f.BoolVar(&start.force, "force", false, "overwrite files that exist")
	f.StringVar(&start.profile, "profile", "", "one of "+builtInProfiles()+" (default eci, or where the pods run on nodes containerd or docker)")
	cmd.MarkFlagFilename("from-kubernetes", "json", "yaml", "yml")
	cmd.MarkFlagDirname("dir")
	cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(simulate.BuiltInNames(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("image", cobra.NoFileCompletions)
	return cmd
}

// initialiser is the init command.
type initialiser struct {
	io      *streams
	objects []string // files of Kubernetes objects
	images  []string
	dir     string
	force   bool
	profile string
}

func (s *initialiser) run(ctx context.Context) error {
	d, err := s.draft(ctx)
	if err != nil {
		return err
	}
	s.choose(d)
	files, err := d.files(s.dir)
	if err != nil {
		return err
	}
	if err := s.mayWrite(files); err != nil {
		return err
	}
	if err := writeAll(s.dir, files); err != nil {
		return err
	}
	return s.report(d, files)
}

func (s *initialiser) draft(ctx context.Context) (*draft, error) {
	switch {
	case s.profile != "" && !slices.Contains(simulate.BuiltInNames(), s.profile):
		return nil, usagef("--profile %q is none of %s%s; name a profile file in scenario.yaml instead", s.profile, builtInProfiles(), document.DidYouMean(s.profile, simulate.BuiltInNames()))
	case s.dir == "":
		return nil, usagef("--dir is empty: name a directory, or leave it out for the current one")
	case len(s.objects) > 0 && len(s.images) > 0:
		return nil, usagef("--from-kubernetes and --image make different workloads: give one of them")
	}
	switch {
	case len(s.objects) > 0:
		return s.clusterDraft(ctx)
	case len(s.images) > 0:
		return imagesDraft(s.images)
	}
	return exampleDraft(), nil
}

// clusterDraft takes the apps from a cluster's pods and manifests.
func (s *initialiser) clusterDraft(ctx context.Context) (*draft, error) {
	var importer workload.Importer
	var names []string
	for _, path := range s.objects {
		name, err := s.importFile(ctx, &importer, path)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	in := importer.Imported()
	if len(in.Workload.Apps) == 0 {
		return nil, nothingStarted(strings.Join(names, ", "), in)
	}
	var from []string
	title := "Pods of a cluster"
	if in.Pods > 0 {
		from = append(from, counted(in.Pods, "pod"))
	} else {
		title = "Kubernetes manifests"
	}
	if in.Manifests > 0 {
		from = append(from, counted(in.Manifests, "manifest"))
	}
	sources := strings.Join(from, " and ")
	d := &draft{
		Title: title, imported: in,
		Source:   fmt.Sprintf("Made from %s; each number says where it comes from.", sources),
		workload: in.Workload,
		virtual:  slices.Clone(in.Virtual), runtimes: in.Runtimes, ages: in.Ages, pulled: in.PulledLives,
		NoAutomatic: len(in.Virtual) > 0 && len(in.WithoutAutomatic) == len(in.Virtual),
	}
	d.sources = sources
	return d, nil
}

// nothingStarted is the error on files without apps. What was noted may say why.
func nothingStarted(names string, in *workload.Imported) error {
	why := ""
	if len(in.Notes) > 0 {
		why = "; " + strings.Join(in.Notes, "; ")
	}
	return usagef("%s lists no pod or manifest of one (and %s): write it with: kubectl get pods -A -o json, where -A takes all namespaces, or helm template%s", names, counted(in.Skipped, "other item"), why)
}

// importFile adds a file to the importer and returns what it is called in
// messages.
func (s *initialiser) importFile(ctx context.Context, importer *workload.Importer, path string) (string, error) {
	if path == "-" {
		return "stdin", importObjects(ctx, importer, "stdin", s.io.in)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", usageError{fmt.Errorf("read input: %w", err)}
	}
	defer f.Close()
	return path, importObjects(ctx, importer, path, f)
}

// importObjects is Importer.Read, given up when ctx ends: a read from a terminal
// would wait for ever. The importer is then not to be used any more.
func importObjects(ctx context.Context, importer *workload.Importer, name string, from io.Reader) error {
	done := make(chan error, 1)
	go func() { done <- importer.Read(name, from) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-done:
		return err
	}
}

// What stands in where the user is still to say how often an app starts.
const (
	exampleStarts  = 100
	exampleRuntime = time.Hour
	exampleCPU     = 2
	exampleMemory  = 4
)

// imagesDraft makes an app of each image.
func imagesDraft(images []string) (*draft, error) {
	d := &draft{Title: "Images", Source: "An app of each image named; the numbers are an example: put in yours."}
	taken := map[string]bool{}
	for i, image := range images {
		ref, err := layers.ParseName(image)
		if err != nil {
			return nil, usageError{err}
		}
		if slices.Contains(images[:i], image) {
			continue
		}
		base := path.Base(ref.Repository)
		name := base
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		taken[name] = true
		d.example(workload.App{Name: name, Images: []string{image}, StartsPerDay: exampleStarts, Runtime: exampleRuntime})
	}
	d.Notes = []string{"startsPerDay, runtimeSeconds, cpu and memoryGiB are an example: put in what your apps do"}
	d.found = counted(len(d.workload.Apps), "app")
	return d, nil
}

// exampleDraft is what a user without anything gets.
func exampleDraft() *draft {
	d := &draft{Title: "An example", Source: "An example of two apps: put in yours, or make the file of a cluster's pods:\n  kubectl get pods -A -o json | cachebench init --from-kubernetes - --force"}
	d.example(workload.App{Name: "web", Images: []string{"nginx:1.27", "redis:7.4"}, StartsPerDay: 40, Runtime: 8 * time.Hour, ReleasesPerMonth: 8})
	d.example(workload.App{
		Name: "report", Images: []string{"python:3.13-slim"}, Runtime: 15 * time.Minute,
		Bursts: []workload.Burst{{Count: 200, Within: time.Minute, First: 6 * time.Hour, Every: 24 * time.Hour}},
	})
	d.Notes = []string{"the two apps are an example: edit workload.yaml"}
	d.found = "2 apps"
	return d
}

// A draft is what is to be written. The templates see its exported parts.
type draft struct {
	Title   string
	Profile string
	// Source says in a comment where the apps come from.
	Source string
	Notes  []string
	Locked []workload.LockedDigest
	// Platform is that of the pools, where it is one; else the default.
	Platform string
	// Aliases are other names of the registries that have one inside of a VPC.
	Aliases string
	// NoAutomatic: no pod on ECI asks for automatic caches.
	NoAutomatic bool
	// found sums it up; of a cluster it follows from sources.
	found    string
	sources  string
	workload workload.Workload
	origins  []workload.Origin
	// imported is what a cluster tells; nil without one.
	imported *workload.Imported
	// virtual are the apps on virtual nodes, runtimes those of the others' nodes.
	virtual  []string
	runtimes map[string]int
	ages     map[string]workload.NodeAges
	pulled   map[string]workload.PulledLife
}

// choose takes a profile, and what goes with it: of a cluster with instances and nodes
// it plans for the one or the other.
func (s *initialiser) choose(d *draft) {
	d.Profile, d.Platform = s.profile, layers.DefaultPlatform
	pooled := func(a workload.App) bool { return a.NodePool != "" }
	onNodes := slices.ContainsFunc(d.workload.Apps, pooled)
	if d.Profile == "" {
		d.Profile = "eci"
		if onNodes && len(d.virtual) == 0 {
			d.Profile = nodeProfile(d.runtimes)
			d.Notes = append(d.Notes, "the pods run on nodes, which keep images: --profile eci takes each start for an instance on ECI instead")
		}
	}
	isECI := strings.HasPrefix(d.Profile, "eci")
	switch in := d.imported; {
	case in == nil:
	case isECI && len(d.virtual) > 0:
		d.leaveOut(pooled, "on nodes, as the plan is for ECI (--profile containerd plans for nodes)")
	case isECI:
		in.OnInstances()
	case onNodes:
		d.leaveOut(func(a workload.App) bool { return slices.Contains(d.virtual, a.Name) }, "on virtual nodes, as the plan is for nodes (--profile eci plans for ECI)")
	}
	if in := d.imported; in != nil {
		d.workload, d.origins, d.Locked = in.Workload, in.Origins, in.Digests
		d.Notes = slices.Concat(in.Notes, d.Notes)
	}
	d.noteUntold(isECI)
	if pools := d.workload.NodePools; len(pools) > 0 && !slices.ContainsFunc(pools, func(p workload.NodePool) bool { return p.Platform != pools[0].Platform }) {
		d.Platform = pools[0].Platform
	}
	d.noteEndless()
	d.nameAliases()
}

// initBudget is the budget of a scenario in which nobody has said one yet.
const initBudget = 50

// noteUntold says what no look at a cluster tells, and what depends on it.
func (d *draft) noteUntold(isECI bool) {
	tells := func(has func(*workload.App) bool) bool {
		return slices.ContainsFunc(d.workload.Apps, func(a workload.App) bool { return has(&a) })
	}
	if !tells(func(a *workload.App) bool { return a.ReleasesPerMonth > 0 }) {
		without := "without it no image is ever replaced, and what nodes have pulled once stays good"
		switch {
		case isECI && d.NoAutomatic:
			without = "without it no cache has ever to be built again, which costs and leaves starts without one meanwhile"
		case isECI:
			without = "without it ECI's automatic caches are never stale, so that building none looks better than it is"
		}
		d.Notes = append(d.Notes, "how often apps are released is not told: set releasesPerMonth of those that are; "+without)
	}
	if !tells(func(a *workload.App) bool { return len(a.Bursts) > 0 }) {
		d.Notes = append(d.Notes, "starts that come together are not told: where they do, set bursts; without, starts are spread at random and hardly wait for one another")
	}
	if isECI {
		d.Notes = append(d.Notes, fmt.Sprintf("budgetPerMonth of %d in scenario.yaml is made up: planned caches may cost that much a month and no more: put in yours", initBudget))
	}
}

// noteEndless names the pools whose nodes are not known to go, with how old they are.
func (d *draft) noteEndless() {
	var list []string
	for i := range d.workload.NodePools {
		p := &d.workload.NodePools[i]
		if p.Lifetime() > 0 {
			continue
		}
		text := p.Name
		if a, ok := d.ages[p.Name]; ok {
			text += " (" + nodesAreOld(&a) + ")"
		}
		list = append(list, text)
	}
	if len(list) > 0 {
		d.Notes = append(d.Notes, "how long nodes live is not told: without lifetimeHours or newNodesPerDay simulated ones live for ever and keep what they have pulled, so that nothing gains by pulling ahead: put in one of the two: "+strings.Join(list, ", "))
	}
}

// nodesAreOld says how old a pool's nodes are.
func nodesAreOld(a *workload.NodeAges) string {
	youngest, oldest := workload.SpellTime(a.Youngest), workload.SpellTime(a.Oldest)
	switch {
	case a.Nodes == 1:
		return "its node is " + oldest + " old"
	case youngest == oldest:
		return "its nodes are " + oldest + " old"
	}
	return "its nodes are " + youngest + " to " + oldest + " old"
}

// nodeProfile is the built-in profile of most nodes' runtime.
func nodeProfile(runtimes map[string]int) string {
	if runtimes["docker"] > runtimes["containerd"] {
		return "docker"
	}
	return "containerd"
}

// leaveOut takes apps out, with the pools and the digests that are of no use then, and
// says so.
func (d *draft) leaveOut(which func(workload.App) bool, why string) {
	var names []string
	for _, a := range d.workload.Apps {
		if which(a) {
			names = append(names, a.Name)
		}
	}
	d.imported.Only(func(a *workload.App) bool { return !which(*a) })
	if len(names) == 0 {
		return
	}
	const shown = 5
	list := strings.Join(names[:min(len(names), shown)], ", ")
	if more := len(names) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	d.Notes = append(d.Notes, fmt.Sprintf("apps %s were left out: %s", why, list))
}

// nameAliases names the public registries of those that are named as inside of a VPC.
func (d *draft) nameAliases() {
	var pairs, inside []string
	for _, reference := range d.workload.References() {
		ref, err := layers.ParseName(reference)
		if err != nil {
			continue
		}
		public, ok := distribution.PublicHost(ref.Registry)
		if !ok || slices.Contains(inside, ref.Registry) {
			continue
		}
		inside = append(inside, ref.Registry)
		pairs = append(pairs, ref.Registry+": "+public)
	}
	if len(pairs) == 0 {
		return
	}
	d.Aliases = "{" + strings.Join(pairs, ", ") + "}"
	d.Notes = append(d.Notes, fmt.Sprintf("registries that only a VPC reaches are named; outside of it, take the # from registryAliases in scenario.yaml: %s", strings.Join(inside, ", ")))
}

func (d *draft) example(a workload.App) {
	a.CPU, a.MemoryGiB = exampleCPU, exampleMemory
	d.workload.Apps = append(d.workload.Apps, a)
	d.origins = append(d.origins, workload.Origin{})
}

// An initApp is an app with where its numbers come from.
type initApp struct {
	workload.App
	Origin workload.Origin
}

// Pools are the draft's for a template.
func (d *draft) Pools() []workload.NodePool { return d.workload.NodePools }

// GuessedLifetime is a line, commented out, for a pool whose nodes are not known to go.
// What is counted goes before what is assumed: of many starts it is told whether they found
// their image, and the ages of nodes at one look say how long they live only where they are
// replaced at an even pace.
func (d *draft) GuessedLifetime(pool string) string {
	a, aged := d.ages[pool]
	old := math.Round(a.Lifetime().Hours())
	aged = aged && old >= 1
	p, pulled := d.pulled[pool]
	switch {
	case pulled && aged:
		return fmt.Sprintf("#lifetimeHours: %s  # not told: nodes live for ever; with this as many starts pull as were counted, %d of %d; twice the nodes' mean age is %.0f h, right only if they are replaced at an even pace%s", strconv.FormatFloat(p.Hours, 'f', -1, 64), p.Pulled, p.Told, old, otherCauses(p, a))
	case pulled:
		return fmt.Sprintf("#lifetimeHours: %s  # not told: nodes live for ever; with this as many starts pull as were counted, %d of %d", strconv.FormatFloat(p.Hours, 'f', -1, 64), p.Pulled, p.Told)
	case aged:
		return fmt.Sprintf("#lifetimeHours: %.0f  # not told: nodes live for ever; this is twice their mean age, right if they are replaced at an even pace", old)
	}
	return "#lifetimeHours: 720  # not told: nodes live for ever; put in how long they do"
}

// otherCauses is what to know of a lifetime by pulls that is shorter than nodes were there.
func otherCauses(p workload.PulledLife, a workload.NodeAges) string {
	if p.Hours >= a.Mean.Hours() {
		return ""
	}
	return "; nodes are older than this, so starts pull for other causes too (releases, images that the kubelet removed): state releasesPerMonth if that is it"
}

// Apps are the draft's for a template.
func (d *draft) Apps() []initApp {
	var all []initApp
	for i, a := range d.workload.Apps {
		all = append(all, initApp{a, d.origins[i]})
	}
	return all
}

// A newFile is a file to be written.
type newFile struct {
	path string
	data []byte
}

// files are the draft's files, each read back as the commands will.
func (d *draft) files(dir string) ([]newFile, error) {
	var files []newFile
	add := func(name, text string, check func(name string, data []byte) error) error {
		data, err := d.fill(name, text, check)
		if err == nil {
			files = append(files, newFile{filepath.Join(dir, name), data})
		}
		return err
	}
	err := add("scenario.yaml", scenarioText, func(name string, data []byte) error {
		_, err := cachebench.ReadScenarioFile(name, data)
		return err
	})
	err = errors.Join(err, add("workload.yaml", workloadText, d.checkWorkload))
	if len(d.Locked) > 0 {
		err = errors.Join(err, add("lock.yaml", lockText, d.checkLock))
	}
	return files, err
}

func (d *draft) checkWorkload(name string, data []byte) error {
	back, err := workload.Read(name, data)
	if err == nil && !reflect.DeepEqual(*back, d.workload) {
		err = fmt.Errorf("%s holds another workload", name)
	}
	return err
}

func (d *draft) checkLock(name string, data []byte) error {
	back, err := cachebench.ReadLock(name, data)
	if err == nil && len(back.References) != len(d.Locked) {
		err = fmt.Errorf("%s holds another lock", name)
	}
	return err
}

// fill makes a file of a template, and reads it back as the commands will.
func (d *draft) fill(name, text string, check func(name string, data []byte) error) ([]byte, error) {
	t, err := template.New(name).Funcs(initFuncs()).Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	if err := check(name, b.Bytes()); err != nil {
		// Not the user's fault: no file of theirs is meant.
		return nil, fmt.Errorf("what would be written does not read back: %v", err)
	}
	return b.Bytes(), nil
}

// mayWrite refuses to overwrite files unless asked to.
func (s *initialiser) mayWrite(files []newFile) error {
	var there []string
	for _, f := range files {
		switch info, err := os.Lstat(f.path); {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return fmt.Errorf("write %s: %w", f.path, err)
		case info.IsDir():
			return fmt.Errorf("write %s: it is a directory", f.path)
		default:
			there = append(there, f.path)
		}
	}
	if len(there) == 0 || s.force {
		return nil
	}
	return fmt.Errorf("nothing was written: %s already there; --force overwrites, --dir writes elsewhere", areNamed(there))
}

func areNamed(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " are"
}

// writeAll writes all files or none: first beside their places, then over them,
// each old file kept until all are there.
func writeAll(dir string, files []newFile) (err error) {
	var undo, finish []func()
	defer func() {
		if err != nil {
			slices.Reverse(undo)
			finish = undo
		}
		for _, step := range finish {
			step()
		}
	}()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	beside := func(f newFile, end string) string {
		return filepath.Join(dir, "."+filepath.Base(f.path)+end)
	}
	for _, f := range files {
		undo = append(undo, func() { os.Remove(beside(f, ".new")) })
		if err := writeFile(beside(f, ".new"), f.data); err != nil {
			return err
		}
	}
	for _, f := range files {
		old := beside(f, ".old")
		switch err := os.Rename(f.path, old); {
		case err == nil:
			undo = append(undo, func() { os.Rename(old, f.path) })
			finish = append(finish, func() { os.Remove(old) })
		case !errors.Is(err, os.ErrNotExist):
			return err
		}
		if err := os.Rename(beside(f, ".new"), f.path); err != nil {
			return err
		}
		undo = append(undo, func() { os.Remove(f.path) })
	}
	return nil
}

// report says what was written, what to know about it, and what to do next.
func (s *initialiser) report(d *draft, files []newFile) error {
	var names []string
	for _, f := range files {
		names = append(names, f.path)
	}
	if d.sources != "" {
		tags := slices.DeleteFunc(d.workload.References(), func(ref string) bool { return strings.Contains(ref, "@") })
		d.found = fmt.Sprintf("%s from %s; %d of %s locked", counted(len(d.workload.Apps), "app"), d.sources, len(d.Locked), counted(len(tags), "tag"))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "wrote %s: %s\n", strings.Join(names, ", "), d.found)
	if len(d.Notes) > 0 {
		fmt.Fprintf(&b, "\nTo know first:\n")
	}
	for _, note := range d.Notes {
		b.WriteString(hung("  - ", note))
	}
	fmt.Fprintf(&b, "\nNext: cachebench run %s\n", shellWord(names[0]))
	_, err := io.WriteString(s.io.out, b.String())
	return err
}

// hung breaks a text into lines of at most 100 columns, the first behind a mark and the
// others under its text.
func hung(mark, text string) string {
	const width = 100
	var b strings.Builder
	line := mark
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", len(mark)) + word
		default:
			line += " " + word
		}
	}
	return b.String() + line + "\n"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./@%+=:,-]+$`)

// shellWord quotes a word for a shell where it must be.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// initFuncs are what the templates call.
func initFuncs() template.FuncMap {
	return template.FuncMap{
		"text":    yamlText,
		"number":  func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) },
		"span":    yamlSpan,
		"comment": yamlComment,
		"from":    yamlOrigin,
		"weeks":   yamlWeeks,
		"version": func() string { return document.APIVersion },
		"default": func(name string) any {
			return map[string]any{
				"platform": layers.DefaultPlatform, "quota": cachebench.DefaultQuota,
				"coverage": cachebench.DefaultMinCoverage, "worth": cachebench.DefaultWorthPerHour, "window": yamlSpan(cachebench.DefaultWindow),
				"budget": initBudget,
			}[name]
		},
	}
}

var (
	// plainText is text that YAML takes for text without quotes.
	plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/@-]*(:[A-Za-z0-9._/@-]+)*$`)
	// notText are the plain words that YAML 1.1 takes for other than text.
	notText = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

// yamlText writes a text, in quotes where it could be taken for anything else.
func yamlText(text string) (string, error) {
	if plainText.MatchString(text) && !notText.MatchString(text) {
		return text, nil
	}
	// What JSON quotes, YAML reads; JSON must leave <, > and & as they are.
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(text)
	return strings.TrimSpace(b.String()), err
}

// yamlWeeks writes numbers as a list with a day in each line.
func yamlWeeks(values []float64) []string {
	var lines []string
	for at := 0; at < len(values); at += 24 {
		var words []string
		for _, v := range values[at:min(at+24, len(values))] {
			words = append(words, strconv.FormatFloat(v, 'f', -1, 64))
		}
		lines = append(lines, strings.Join(words, ", ")+",")
	}
	if len(lines) == 0 {
		return nil
	}
	lines[0] = "[" + lines[0]
	last := len(lines) - 1
	lines[last] = strings.TrimSuffix(lines[last], ",") + "]"
	return lines
}

// yamlSpan writes a time as a person does: 2d4h, 8h, 90s as 1m30s.
func yamlSpan(d time.Duration) string {
	var b strings.Builder
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / unit.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
			d -= n * unit.size
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

// yamlOrigin is a comment behind a value.
func yamlOrigin(origin string) string {
	if origin == "" {
		return ""
	}
	return "  # " + origin
}

// yamlComment breaks a text into lines of comment; those of a list's item stand
// under its text.
func yamlComment(text string) string {
	const width = 78
	var b strings.Builder
	for _, line := range strings.Split(text, "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		hang := indent
		if strings.HasPrefix(line, "- ") {
			hang = "  "
		}
		length := 0
		for i, word := range strings.Fields(line) {
			switch {
			case i == 0:
				b.WriteString("# " + indent)
				length = 2 + len(indent)
			case length+1+len(word) > width:
				b.WriteString("\n# " + hang)
				length = 2 + len(hang)
			default:
				b.WriteByte(' ')
				length++
			}
			b.WriteString(word)
			length += len(word)
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// scenarioText has every key of a ScenarioFile. What is commented out without a
// blank behind the # is the default, or an example where there is none.
const scenarioText = `# A scenario of cachebench. Run it with: cachebench run scenario.yaml
#
# Files are found from this file's directory. A key with # before it is not set:
# what stands there is its default, or an example. Times, sizes and shares take
# a unit ("90s", "20GiB", "30%") or the plain number that the key's end names.
# cachebench schema Scenario prints all keys for an editor.
apiVersion: {{version}}
kind: Scenario

# The heading of the report.
title: {{text .Title}}

# The file of what is started: which images, how often, for how long.
workload: workload.yaml

# A trace of recorded starts, which take the place of the workload's: the workload
# then says only what a trace does not (docs/trace.md). Default: none.
#trace: starts.csv

# How long the trace was recorded, from its time 0 on. Default: from its first
# start to its last.
#traceSpanSeconds: 10d

# What the apps of a trace are where neither it nor the workload says it. Default:
# unknown, and nothing is planned then.
#assume: {runtimeSeconds: 10m, cpu: 2, memoryGiB: 4}

# How many times as often apps start, by their names, in which * stands for anything;
# the last that fits holds. Default: as the workload says.
#scale: ["ci-*=2x"]

# Image references to look up besides the workload's. Default: none.
#images: [nginx:1.27]

# The digests that references are looked up by, so that the result stays the
# same though tags move. Default: what the tags mean now.
{{if .Locked}}lock: lock.yaml{{else}}#lock: lock.yaml{{end}}

# os/arch[/variant] of the images.
platform: {{.Platform}}

# A saved inventory to start from, instead of asking registries (cachebench
# analyze --workload workload.yaml --save inventory.json). Default: none.
#inventory: inventory.json

# Registries to serve on loopback under their names, from directories in OCI
# layout. Default: none.
#registries: {registry.example.com: images}

# Registries to fetch from under another name, such as from outside of a VPC;
# results keep the first name. Default: none.
#registryAliases: {{if .Aliases}}{{.Aliases}}{{else}}{registry-vpc.example.com: registry.example.com}{{end}}

# Registries without TLS, as host or host:port. Default: none.
#plainHTTP: [localhost:5000]

# A CSV file of measured layers (digest,unpacked_bytes,entries). Default:
# unpacked bytes are estimated from compressed ones.
#layerSizes: layers.csv

# Where starts happen, with every time and rate: one of containerd,
# containerd-1, docker, eci, eci-calls, eci-virtual-nodes, or a profile file
# (docs/model.md). Default: eci.
profile: {{.Profile}}

# Unit prices: usd, cny (which lacks disk prices) or a price book file. Default:
# usd.
prices: usd

# What was paid in a month like the workload's, CSV (item,amount,currency) or of kind
# Bill: how far the modelled month is from it stands before any saving. Default: none.
#bill: bill.csv

# A file of the image caches that exist. Default: none.
#caches: caches.yaml

# What a plan is compared with: automatic, the free caches that ECI makes by
# itself, or cold, no caches.
{{if .NoAutomatic}}# No pod asks for automatic caches (annotation k8s.aliyun.com/eci-image-cache). If the
# cluster's eci-profile does it for them, put automatic.
baseline: cold{{else}}#baseline: automatic{{end}}

# How starts get their cache: auto, by ECI's matching, or explicit, by id.
#assign: auto

# The most that the planned caches may cost a month, in the prices' currency.
# Default: 0, which builds nothing. What stands here is made up: put in yours.
budgetPerMonth: {{default "budget"}}

# What an hour of waiting saved is worth, in the prices' currency: a cache that
# costs more for what it adds is not built. At 0 only the budget counts.
#worthPerHour: {{default "worth"}}

# The most caches to build.
#quota: {{default "quota"}}

# What the plan is to reach: seconds (most time saved within the budget), net (most money
# saved) or limit (least cost with every app's mean start, or a share of all starts,
# within limitSeconds); whether layers that caches share are stored once; how far from
# the proven best is near enough, in how long; and what else to say: other budgets,
# what would change the verdict, how a plan of the first part of the month, or of the
# trace, does in its last.
# Default: seconds, separate, a gap of 1 %, nothing else.
#plan: {goal: limit, limitSeconds: 10s, limitStartsFraction: 0.95, storage: separate, gapFraction: 0.01, timeLimitSeconds: 30s, curvePoints: 10, sensitivity: true, holdOutFraction: 0.3}

# How much planned images may add to the disk of each node of a pool that does not
# say it itself. Default: what the kubelet leaves before it removes images.
#diskBudgetGiB: 40

# The most that the p99 of the starts on a node pool may take. Default: no limit.
#startupLimitSeconds: 10s

# What apps may take at most, for run --check and go test (docs/benchtest.md). Default:
# no limits.
#budget: {web: {coldP50Seconds: 8s, coldP99Seconds: 12s, cachedP50Seconds: 2s, cachedP99Seconds: 4s, base: "registry.example.com/team/web:1.4", newBytes: 60MB, costPerMonth: 20 USD}}

# Other readings of ECI's undocumented rules. Default: as documented with each.
#policies: {size: closest}

# What to simulate.
#arms: [cold, automatic, cached]

# Starts to simulate in place of the window's, as the first of a campaign.
#bursts: [{app: web, count: 1000, atSeconds: 30s, withinSeconds: 10s}]

# What goes wrong meanwhile, in every arm: registry-down, registry-slow with
# registryBytesPerSecond, node-lost with node. Default: nothing.
#faults: [{kind: registry-down, atSeconds: 60s, forSeconds: 2m}]

# false lists no startups: summaries and curves alone, for large windows.
#startups: false

# Keep what happens inside every start, layer by layer; else of each app's first.
#spans: true

# Say where the time of the median start of these apps went, and what would
# shorten it most.
#explainApps: [web]

# Keep what links carry, requests and starts in flight over time.
#observe: true

# What every random draw follows from: the same seed, the same result.
#seed: 1

# How many times the window is simulated, each with draws of its own.
#repeats: 1

# When tags and caches are looked at, and the month begins (RFC 3339). Default:
# the present.
#now: 2026-11-23T00:00:00Z

# The part of the month that is simulated start by start, in seconds or with a
# unit; costs and plans are always of the whole month of 30 days.
#windowStartSeconds: 0s
#windowSeconds: {{default "window"}}

# The least share of starts whose images must be known, from 0 to 1; below it
# the run fails.
#minCoverageFraction: {{default "coverage"}}

# Files to write besides the summary, from where the command runs. The format
# is text, json or html, by the file's extension when not given. Default: none.
outputs:
  - file: report.html
  - file: report.json
    format: json
`

const workloadText = `{{comment .Source}}
#
# An app is a set of images that are started together.
#
#   name            unique in this file
#   images          references of its containers, in order
#   initImages      references of its init containers, in order
#   startsPerDay    mean number of starts a day, besides bursts
#   hourlyWeights   how those are spread: 24 numbers in proportion to the rate in
#                   each hour of the day (UTC), or 168 of the week from Monday;
#                   default: the same rate at all times
#   bursts          starts that come together: count, spread evenly over
#                   withinSeconds (0: all at once), the first one firstSeconds
#                   after the month's start, again everySeconds (0: monthly)
#   runtimeSeconds  how long one start runs, in seconds or as 90s, 8h, 2d
#   cpu, memoryGiB  vCPUs and memory of one instance
#   pullPolicy      Always, IfNotPresent or Never for all images; default:
#                   Always for :latest or no tag, else IfNotPresent
#   extraStorageGiB temporary storage asked for above the free 30 GiB
#   releasesPerMonth, releaseNewBytesFraction
#                   how often in 30 days the first image is replaced, and the
#                   share of its bytes that is new each time (0.1 or 10%)
#   readySeconds    from its containers' creation to ready; default: the
#                   profile's
#   readFraction    share of the image read before ready; default: the
#                   profile's
#   pulledFraction  share of its starts on nodes that pulled their images there,
#                   as counted on a cluster; default: what a replay gives
#   controller      the kind of Kubernetes object that starts it, for plan export
#   asksAutomatic   whether its pods ask for ECI's automatic caches (annotation
#                   k8s.aliyun.com/eci-image-cache); default: unknown
#   nodePool        the pool below that it runs on; default: an instance of its
#                   own, as on ECI
{{- if .Notes}}
#
# To know first:
{{- range .Notes}}
{{comment (printf "- %s" .)}}
{{- end}}
{{- end}}
apiVersion: {{version}}
kind: Workload
apps:
{{- range .Apps}}
  - name: {{text .Name}}
{{- if .Origin.Pods}}  # {{with .Origin.Controller}}{{.}}, {{end}}pods: {{.Origin.Pods}}{{else if .Origin.Controller}}  # {{.Origin.Controller}}, by its manifest{{end}}
    images:
{{- range .Images}}
      - {{text .}}
{{- end}}
{{- if .InitImages}}
    initImages:
{{- range .InitImages}}
      - {{text .}}
{{- end}}
{{- end}}
    startsPerDay: {{number .StartsPerDay}}{{from .Origin.StartsPerDay}}
{{- if .HourlyWeights}}
    hourlyWeights:{{from .Origin.HourlyWeights}}
{{- range weeks .HourlyWeights}}
      {{.}}
{{- end}}
{{- else if .Origin.HourlyWeights}}
    # hourlyWeights: {{.Origin.HourlyWeights}}
{{- end}}
{{- if .Bursts}}
    bursts:
{{- range .Bursts}}
      - {count: {{.Count}}, withinSeconds: {{span .Within}}, firstSeconds: {{span .First}}, everySeconds: {{span .Every}}}
{{- end}}
{{- end}}
    runtimeSeconds: {{span .Runtime}}{{from .Origin.Runtime}}
    cpu: {{number .CPU}}{{from .Origin.Resources}}
    memoryGiB: {{number .MemoryGiB}}
{{- if .Controller}}
    controller: {{text .Controller}}
{{- end}}
{{- if .AsksAutomatic}}
    asksAutomatic: {{.AsksAutomatic}}
{{- end}}
{{- if .PullPolicy}}
    pullPolicy: {{.PullPolicy}}
{{- end}}
{{- if .ReleasesPerMonth}}
    releasesPerMonth: {{number .ReleasesPerMonth}}
{{- end}}
{{- if .ReleaseNewBytesFraction}}
    releaseNewBytesFraction: {{number .ReleaseNewBytesFraction}}
{{- end}}
{{- if .Ready}}
    readySeconds: {{span .Ready}}
{{- end}}
{{- if .PulledFraction}}
    pulledFraction: {{number .PulledFraction}}
{{- end}}
{{- if .NodePool}}
    nodePool: {{text .NodePool}}
{{- end}}
{{- end}}
{{- if .Pools}}

# A pool is as many nodes as its label named at a time; cpu and memoryGiB are what
# the smallest of them lets pods ask for.
nodePools:
{{- range .Pools}}
  - name: {{text .Name}}
    platform: {{text .Platform}}
    count: {{.Count}}
{{- if .LifetimeHours}}
    lifetimeHours: {{number .LifetimeHours}}
{{- else if not .NewNodesPerDay}}
    {{$.GuessedLifetime .Name}}
{{- end}}
{{- if .NewNodesPerDay}}
    newNodesPerDay: {{number .NewNodesPerDay}}
{{- end}}
{{- if .Placement}}
    placement: {{.Placement}}
{{- end}}
{{- if .PrePulled}}
    prePulled:
{{- range .PrePulled}}
      - {{text .}}
{{- end}}
{{- end}}
{{- if .CPU}}
    cpu: {{number .CPU}}
{{- end}}
{{- if .MemoryGiB}}
    memoryGiB: {{number .MemoryGiB}}
{{- end}}
{{- end}}
{{- end}}

# Pools of nodes that keep images between starts: how many nodes at a time, how
# long each lives, how many are added a day, what the apps on one may ask for
# (cpu, memoryGiB), how starts choose one (spread, pack or imageLocality), what
# runs on each, which images are pulled before it takes starts (prePulled) or are
# in the disk that it is made from (baked), and the nodeClass of the profile that
# it is.
#nodePools:
#  - name: general
#    nodeClass: large
#    platform: {{default "platform"}}
#    count: 10
#    lifetimeHours: 720
#    newNodesPerDay: 2
#    cpu: 16
#    memoryGiB: 64
#    placement: spread
#    daemonImages: [registry.example.com/agent:1.0]
#    prePulled: [registry.example.com/base:1.0]
#    baked: [registry.example.com/large:1.0]
#    diskBudgetGiB: 40   # for images that plan chooses; default: what is left
#    rebuildHours: 168   # of the disk with baked images
`

const lockText = `# What each reference meant to the pods that the workload was made from: the
# digest of its manifest, or of its index of platforms. Take a reference out, with
# its digest, to look that tag up as it is now.
apiVersion: {{version}}
kind: Lock
references:
{{- range .Locked}}
  - reference: {{text .Reference}}
    digest: {{text .Digest}}
{{- end}}
`
