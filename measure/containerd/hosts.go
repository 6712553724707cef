//go:build linux

package containerd

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// registryHost is a registry that images come from, as containerd is told of it.
type registryHost struct {
	// name is the one in references; docker.io is that of Docker Hub.
	name string
	// file is its hosts.toml; empty where containerd's own rules do.
	file string
	// asked are the hosts that are asked for it, mirrors among them.
	asked []askedHost
}

// askedHost is where requests go.
type askedHost struct {
	// host is as it stands in URLs, with its port.
	host   string
	mirror bool
}

const dockerCertificates = "/etc/docker/certs.d"

// dockerHub is where docker.io is served (core/remotes/docker/registry.go).
const dockerHub = "registry-1.docker.io"

// hubName is a registry's name as containerd has it.
func hubName(host string) string {
	switch host = strings.ToLower(host); host {
	case "index.docker.io", dockerHub:
		return "docker.io"
	}
	return host
}

// registry words what is said of a registry as a hosts.toml
// (core/remotes/docker/config/hosts.go). A layout of hosts directories is in
// containerd's docs/hosts.md.
func (a *Access) registry(name string) (registryHost, error) {
	r := registryHost{name: hubName(name)}
	server := r.name
	for _, from := range slices.Sorted(maps.Keys(a.Aliases)) {
		if hubName(from) == r.name {
			server = hubName(a.Aliases[from])
		}
	}
	own, err := a.endpoint(server, "")
	if err != nil {
		return r, err
	}
	r.asked = []askedHost{{host: own.host}}
	var b strings.Builder
	if own.special || server != r.name {
		fmt.Fprintf(&b, "server = %q\n%s", own.url(), own.settings())
	}
	for _, from := range slices.Sorted(maps.Keys(a.Mirrors)) {
		if hubName(from) != server {
			continue
		}
		for _, m := range a.Mirrors[from] {
			host, path, _ := strings.Cut(strings.Trim(m, "/"), "/")
			e, err := a.endpoint(hubName(host), path)
			if err != nil {
				return r, err
			}
			r.asked = append(r.asked, askedHost{host: e.host, mirror: true})
			fmt.Fprintf(&b, "[host.%q]\ncapabilities = [\"pull\", \"resolve\"]\n%s", e.url(), e.settings())
		}
	}
	r.file = b.String()
	return r, nil
}

// endpoint is one host with how it is spoken to.
type endpoint struct {
	scheme, host, path string
	// guess: it may speak TLS or not.
	guess       bool
	authorities []string
	pairs       [][2]string // client certificates and their keys
	// special: containerd's own rules would not do.
	special bool
}

func (a *Access) endpoint(name, path string) (endpoint, error) {
	e := endpoint{scheme: "https", host: name, path: path}
	if name == "docker.io" {
		e.host = dockerHub
	}
	plain := slices.ContainsFunc(a.PlainHTTP, func(host string) bool { return hubName(host) == name })
	if plain {
		e.scheme, e.special = "http", true
		return e, nil
	}
	if docker.IsLocalhost(name) {
		// As containerd does with a registry of that name: TLS is tried first.
		if _, port, _ := net.SplitHostPort(name); port != "" && port != "443" {
			e.scheme, e.guess = "http", true
		}
	}
	for _, file := range a.CAFiles {
		absolute, err := filepath.Abs(file)
		if err != nil {
			return e, err
		}
		e.authorities = append(e.authorities, absolute)
	}
	e.readCertificates(filepath.Join(a.certificates(), certificateName(name)))
	e.special = len(e.authorities)+len(e.pairs) > 0
	return e, nil
}

func (a *Access) certificates() string {
	if a.CertificatesDir == "" {
		return dockerCertificates
	}
	return a.CertificatesDir
}

// certificateName is the directory that docker has for a registry's certificates.
func certificateName(name string) string {
	if name == "docker.io" {
		return "index.docker.io"
	}
	return name
}

// readCertificates takes what a directory of docker's holds for a host.
func (e *endpoint) readCertificates(dir string) {
	files, _ := os.ReadDir(dir) // most hosts have none
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		switch filepath.Ext(path) {
		case ".crt":
			e.authorities = append(e.authorities, path)
		case ".cert":
			e.pairs = append(e.pairs, [2]string{path, strings.TrimSuffix(path, ".cert") + ".key"})
		}
	}
}

// url is where the registry's API begins: a path goes before repositories' names, not
// before the API's.
func (e *endpoint) url() string {
	if e.path == "" {
		return e.scheme + "://" + e.host
	}
	return e.scheme + "://" + e.host + "/v2/" + e.path
}

// settings are the lines of a host besides its URL.
func (e *endpoint) settings() string {
	var b strings.Builder
	if e.path != "" {
		b.WriteString("override_path = true\n")
	}
	if len(e.authorities) > 0 {
		fmt.Fprintf(&b, "ca = [%s]\n", quoted(e.authorities))
	}
	if len(e.pairs) > 0 {
		var pairs []string
		for _, p := range e.pairs {
			pairs = append(pairs, "["+quoted(p[:])+"]")
		}
		fmt.Fprintf(&b, "client = [%s]\n", strings.Join(pairs, ", "))
	}
	if e.guess {
		// Any setting of TLS has containerd try it before plain HTTP.
		b.WriteString("skip_verify = false\n")
	}
	return b.String()
}

func quoted(words []string) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = strconv.Quote(w)
	}
	return strings.Join(list, ", ")
}

// writeHosts says where the node finds registries.
func (n *node) writeHosts() error {
	addr := n.runner.opt.Registry
	if l := n.runner.opt.Lab; l != nil {
		addr = l.Addr(n.number)
	}
	if addr != "" {
		return n.writeHost("_default", fmt.Sprintf("server = %q\ncapabilities = [\"pull\", \"resolve\"]\n", "http://"+addr))
	}
	for _, r := range n.runner.registries {
		if r.file == "" {
			continue
		}
		if err := n.writeHost(r.name, r.file); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) writeHost(name, text string) error {
	dir := filepath.Join(n.places.hosts, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(text), 0o644)
}

// hostDir is the directory of registry hosts; empty leaves it to containerd.
func (n *node) hostDir() string {
	opt := &n.runner.opt
	told := slices.ContainsFunc(n.runner.registries, func(r registryHost) bool { return r.file != "" })
	if opt.Lab != nil || opt.Registry != "" || told {
		return n.places.hosts
	}
	return opt.HostDir
}
