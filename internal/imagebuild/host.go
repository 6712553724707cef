package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed step.sh
var stepScript string

const debianSuite = "bookworm" // Debian 12

// host is this machine: its tools, and its own apt set-up, which is read here
// each time so that no archive or proxy is named in the program.
type host struct {
	work string    // directory for everything temporary
	log  io.Writer // output of the tools
	env  []string  // for the tools
}

// newHost checks the machine and writes the step script and apt's files below
// work.
func newHost(ctx context.Context, work string, epoch int64, log io.Writer) (*host, error) {
	h := &host{work: work, log: log, env: []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
		fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch),
	}}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			h.env = append(h.env, name+"="+value)
		}
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("building images needs root: it mounts overlayfs and installs packages in a chroot")
	}
	if err := h.installTools(ctx); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(work, "step.sh"), []byte(stepScript), 0o755); err != nil {
		return nil, err
	}
	for _, arch := range []string{"amd64", "arm64"} {
		if err := h.prepareApt(ctx, arch); err != nil {
			return nil, fmt.Errorf("prepare apt for %s: %w", arch, err)
		}
	}
	return h, nil
}

// installTools installs what is missing through apt-get.
func (h *host) installTools(ctx context.Context) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("building images needs a Debian 12 machine: apt-get is not here")
	}
	var missing []string
	for tool, pkg := range map[string]string{"mmdebstrap": "mmdebstrap", "unshare": "util-linux", "dpkg-deb": "dpkg", "tar": "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	fmt.Fprintf(h.log, "installing %s with apt-get\n", strings.Join(missing, " "))
	if err := h.run(ctx, "", "apt-get", "update", "-q"); err != nil {
		return err
	}
	args := append([]string{"install", "-q", "-y", "--no-install-recommends"}, missing...)
	return h.run(ctx, "", "apt-get", args...)
}

// aptDir holds apt.conf, sources.list, lists and cache of an architecture.
func (h *host) aptDir(arch string) string { return filepath.Join(h.work, "apt", arch) }

// prepareApt writes apt's files for one architecture and fetches its lists.
func (h *host) prepareApt(ctx context.Context, arch string) error {
	dir := h.aptDir(arch)
	for _, sub := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	sources, err := h.sources(ctx)
	if err != nil {
		return err
	}
	acquire, err := h.acquireConf(ctx)
	if err != nil {
		return err
	}
	files := map[string]string{
		"sources.list": sources,
		"acquire.conf": acquire,
		"apt.conf":     aptConf(dir, arch) + acquire,
		"status":       "",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return h.run(ctx, "APT_CONFIG="+filepath.Join(dir, "apt.conf"), "apt-get", "-q",
		"-o", "Dir::State="+dir, "-o", "Dir::Cache="+filepath.Join(dir, "cache"),
		"-o", "Dir::State::status="+filepath.Join(dir, "status"), "update")
}

// aptConf configures apt for the images: the keys and passwords of this
// machine, but none of its hooks, preferences or packages.
func aptConf(dir, arch string) string {
	return fmt.Sprintf(`Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::sourcelist "%s/sources.list";
Dir::Etc::trusted "/etc/apt/trusted.gpg";
Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d/";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d/";
APT::Architecture "%s";
APT::Architectures { "%s"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Keep-Downloaded-Packages "true";
DPkg::Use-Pty "0";
DPkg::Options { "--force-unsafe-io"; };
quiet "1";
Acquire::Retries "3";
`, dir, arch, arch)
}

// sources returns Debian 12's part of this machine's apt sources. Which key
// signs them is left to the trusted keys of the machine, which on Debian 12
// hold those of the archive.
func (h *host) sources(ctx context.Context) (string, error) {
	out, err := h.output(ctx, "apt-get", "indextargets",
		"--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
	if err != nil {
		return "", err
	}
	sources := sourceLines(out)
	if sources == "" {
		return "", fmt.Errorf("the apt sources of this machine have no Debian 12 (%s main)", debianSuite)
	}
	return sources, nil
}

// sourceLines turns lines of URI, release and component into a sources.list of
// the releases of Debian 12.
func sourceLines(targets string) string {
	var lines []string
	for line := range strings.Lines(targets) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "main" {
			continue
		}
		switch fields[1] {
		case debianSuite, debianSuite + "-updates", debianSuite + "-security":
			lines = append(lines, "deb "+strings.TrimSpace(line)+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "")
}

// acquireConf returns how this machine's apt downloads: proxies, certificates,
// date checks. Extra indexes (desktop metadata) are left out.
func (h *host) acquireConf(ctx context.Context) (string, error) {
	dump, err := h.output(ctx, "apt-config", "dump")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for line := range strings.Lines(dump) {
		if strings.HasPrefix(line, "Acquire::") && !strings.HasPrefix(line, "Acquire::IndexTargets") {
			b.WriteString(line)
		}
	}
	return b.String(), nil
}

// runStep runs step.sh in namespaces of its own. lowers stand topmost first;
// argument is the command to run afterwards, or the suite to bootstrap.
func (h *host) runStep(ctx context.Context, mode, arch string, lowers []string, upper, argument string, packages []string) error {
	args := []string{
		"--mount", "--pid", "--fork", "--kill-child", "./step.sh",
		mode, strings.Join(lowers, ":"), upper, h.aptDir(arch), argument,
	}
	return h.run(ctx, "", "unshare", append(args, packages...)...)
}

// run runs a tool in the work directory with its output in the log. variable
// is one more environment variable, or empty.
func (h *host) run(ctx context.Context, variable, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.work, h.log, h.log
	cmd.Env = h.env
	if variable != "" {
		cmd.Env = append(slices.Clone(h.env), variable)
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// output runs a tool and returns what it prints.
func (h *host) output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stderr = h.env, h.log
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(out), nil
}
