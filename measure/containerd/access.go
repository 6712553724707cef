package containerd

import "github.com/google/go-containerregistry/pkg/authn"

// Access says how registries are reached from which images come as they are: what of
// layers.Options a daemon can be told. The zero value is the user's docker logins.
type Access struct {
	// Keychain finds logins; nil means the docker configuration. Username and
	// Password, where given, hold for every registry, but for no mirror. Logins are
	// looked up before each run.
	Keychain           authn.Keychain
	Username, Password string
	// Aliases fetch a registry under another name; Mirrors are asked first, and may
	// have a path that goes before the repository's.
	Aliases map[string]string
	Mirrors map[string][]string
	// PlainHTTP names registries that speak HTTP without TLS.
	PlainHTTP []string
	// CAFiles are PEM files of authorities to trust besides the system's.
	CAFiles []string
	// CertificatesDir holds a directory for each host with its own authorities and
	// client certificates, as docker has them; empty means /etc/docker/certs.d.
	CertificatesDir string
}
