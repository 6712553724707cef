package main

import (
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// registryHost is reserved for examples: no reference built here can be
// mistaken for an image that somebody publishes.
const registryHost = "registry.example.com"

// recipe says how one image is made, as a Dockerfile would.
type recipe struct {
	name        string        // repository and tag, without the registry's host
	from        string        // name of the recipe below, which stands earlier in the catalogue; empty: from scratch
	family      family        // media types of its documents
	compression compression   // of every layer, those of the image below included
	platforms   []v1.Platform // nil: linux/amd64 alone
	multi       bool          // named through an index (Docker: a manifest list)
	attested    bool          // the index also has a provenance document, as BuildKit writes it
	steps       []step
}

// reference returns the full reference of the image.
func (r recipe) reference() string { return registryHost + "/" + r.name }

// targets returns the platforms to build, never none.
func (r recipe) targets() []v1.Platform {
	if len(r.platforms) == 0 {
		return []v1.Platform{amd64}
	}
	return r.platforms
}

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
)

// step is one line of a recipe. A step with a Work makes a layer; one without
// only changes the config, and is an empty layer in the history.
type step struct {
	createdBy string
	work      work
	config    func(*v1.Config)
}

// work is what a step does to the filesystem.
type work struct {
	bootstrap []string // packages that mmdebstrap adds to its minimal system
	install   []string // packages to install with apt
	extract   []string // packages to unpack without running anything of theirs
	shell     string   // command to run in the image, after install
	files     []file   // files to add
}

// none reports whether the step leaves the filesystem alone.
func (w work) none() bool {
	return len(w.bootstrap)+len(w.install)+len(w.extract)+len(w.files) == 0 && w.shell == ""
}

// file is a file that a COPY step adds.
type file struct {
	path string // in the image, no leading slash
	mode int64
	data []byte
}

// family is a set of media types.
type family struct {
	manifest, index, config types.MediaType
	layer                   map[compression]types.MediaType
}

var (
	oci = family{
		manifest: types.OCIManifestSchema1,
		index:    types.OCIImageIndex,
		config:   types.OCIConfigJSON,
		layer:    map[compression]types.MediaType{gzipped: types.OCILayer, zstandard: types.OCILayerZStd},
	}
	docker = family{
		manifest: types.DockerManifestSchema2,
		index:    types.DockerManifestList,
		config:   types.DockerConfigJSON,
		layer:    map[compression]types.MediaType{gzipped: types.DockerLayer},
	}
)

// apt is the step `RUN apt-get install`, lists removed as it should be.
func apt(packages ...string) step {
	return aptThen("", packages...)
}

// aptThen is apt followed by a command in the same layer.
func aptThen(shell string, packages ...string) step {
	by := "RUN apt-get update && apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	if shell != "" {
		by += " && " + shell
	}
	return step{
		createdBy: by + " && rm -rf /var/lib/apt/lists/*",
		work:      work{install: packages, shell: shell},
	}
}

// shell is the step `RUN command`.
func shell(command string) step {
	return step{createdBy: "RUN " + command, work: work{shell: command}}
}

// extract unpacks packages without running anything of theirs.
func extract(packages ...string) step {
	return step{
		createdBy: "ADD " + strings.Join(packages, " ") + " / # packages unpacked, not configured",
		work:      work{extract: packages},
	}
}

// copyFiles is the step `COPY source target`.
func copyFiles(source, target string, files []file) step {
	return step{createdBy: "COPY " + source + " " + target, work: work{files: files}}
}

// env is the step `ENV name=value`.
func env(name, value string) step {
	return step{
		createdBy: "ENV " + name + "=" + value,
		config: func(c *v1.Config) {
			c.Env = append(append([]string(nil), c.Env...), name+"="+value)
		},
	}
}

// cmd is the step `CMD [...]`.
func cmd(words ...string) step {
	return step{
		createdBy: "CMD " + jsonWords(words),
		config:    func(c *v1.Config) { c.Cmd = words },
	}
}

// entrypoint is the step `ENTRYPOINT [...]`, which also clears CMD.
func entrypoint(words ...string) step {
	return step{
		createdBy: "ENTRYPOINT " + jsonWords(words),
		config:    func(c *v1.Config) { c.Entrypoint, c.Cmd = words, nil },
	}
}

// expose is the step `EXPOSE port`.
func expose(port string) step {
	return step{
		createdBy: "EXPOSE " + port,
		config:    func(c *v1.Config) { c.ExposedPorts = map[string]struct{}{port: {}} },
	}
}

// user is the step `USER name`.
func user(name string) step {
	return step{createdBy: "USER " + name, config: func(c *v1.Config) { c.User = name }}
}

// workdir is the step `WORKDIR path`, for a directory that is there already.
func workdir(path string) step {
	return step{createdBy: "WORKDIR " + path, config: func(c *v1.Config) { c.WorkingDir = path }}
}

// jsonWords writes words as a Dockerfile's exec form does.
func jsonWords(words []string) string {
	return `["` + strings.Join(words, `", "`) + `"]`
}
