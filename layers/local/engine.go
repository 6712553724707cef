package local

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// DefaultDockerHost is where a Docker engine listens unless told otherwise.
const DefaultDockerHost = "unix:///var/run/docker.sock"

// engineTimeout bounds a question to the engine; an export takes as long as it
// takes.
const engineTimeout = 60 * time.Second

// maxMessageBytes bounds what an engine says about an error.
const maxMessageBytes = 64 << 10

// dial prepares a client of the engine at host.
func dial(host string) (*Docker, error) {
	scheme, address, ok := strings.Cut(host, "://")
	if !ok || address == "" {
		return nil, errors.New("the host is neither unix:///PATH nor tcp://HOST:PORT")
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second}
	d := &Docker{host: host, client: &http.Client{Transport: transport, CheckRedirect: noRedirect}}
	switch scheme {
	case "unix":
		d.base = "http://docker" // any name: the socket is the address
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", address)
		}
	case "http", "https":
		d.base = scheme + "://" + address
	case "tcp":
		d.base = "http://" + address
		if os.Getenv("DOCKER_TLS_VERIFY") == "" {
			break
		}
		config, err := engineTLS(os.Getenv("DOCKER_CERT_PATH"))
		if err != nil {
			return nil, err
		}
		d.base, transport.TLSClientConfig = "https://"+address, config
	case "ssh":
		return nil, errors.New("an engine behind ssh is not reached: forward its socket (ssh -nNT -L docker.sock:/var/run/docker.sock HOST) and set DOCKER_HOST=unix://$PWD/docker.sock, or docker save there and read the file as docker-archive:FILE")
	default:
		return nil, fmt.Errorf("scheme %s is not known: give unix:///PATH or tcp://HOST:PORT", quoted(scheme))
	}
	if _, err := url.Parse(d.base); err != nil {
		return nil, errors.New("the host is not a URL")
	}
	return d, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// engineTLS reads ca.pem, cert.pem and key.pem, as docker does ("Protect the
// Docker daemon socket").
func engineTLS(dir string) (*tls.Config, error) {
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("find the client's certificates: %w; set DOCKER_CERT_PATH", err)
		}
		dir = filepath.Join(home, ".docker")
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the engine's certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(dir, "ca.pem"))
	}
	own, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the client's certificate: %w", err)
	}
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}, nil
}

// shownHost is the host without a password, if someone put one there.
func shownHost(host string) string {
	scheme, rest, _ := strings.Cut(host, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		return scheme + "://…" + rest[at:]
	}
	return host
}

// version asks for the engine's API version and returns the path's prefix. Paths
// without a version are deprecated, and an engine refuses versions that are too
// old for it: its own is always right, and what is read here has been the same
// since 1.24. An engine that does not say gets no prefix.
func (d *Docker) version(ctx context.Context) (prefix string, err error) {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	response, err := d.send(ctx, "/_ping")
	if err != nil {
		return "", err
	}
	response.Body.Close()
	version := response.Header.Get("Api-Version")
	if version == "" || strings.Trim(version, "0123456789.") != "" {
		return "", nil
	}
	return "/v" + version, nil
}

// get returns the body of a good reply.
func (d *Docker) get(ctx context.Context, path string) (io.ReadCloser, error) {
	response, err := d.send(ctx, path)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	return nil, refused(response)
}

func (d *Docker) send(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+path, nil)
	if err != nil {
		return nil, errors.New("the name does not make a URL")
	}
	request.Header.Set("User-Agent", "cachebench")
	response, err := d.client.Do(request)
	if err != nil {
		return nil, unreachable(err)
	}
	return response, nil
}

// unreachable says why an engine cannot be asked, and what to do.
func unreachable(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) { // which repeats the URL
		err = ue.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("permission denied on its socket: add yourself to the group docker (usermod -aG docker $USER, then log in again), or run as root: %w", err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no engine is running there: start it, or set --docker-host or DOCKER_HOST (rootless: unix:///run/user/UID/docker.sock; docker context ls lists others): %w", err)
	}
	return err
}

// refused words a reply that is not 200 by the message in it (Docker Engine API,
// "Errors").
func refused(response *http.Response) error {
	var reply struct {
		Message string `json:"message"`
	}
	raw, err := readDocument(response.Body, maxMessageBytes)
	if err != nil || json.Unmarshal(raw, &reply) != nil {
		reply.Message = "" // a proxy's page says nothing about the image
	}
	switch {
	case response.StatusCode == http.StatusNotFound && strings.Contains(strings.ToLower(reply.Message), "no such image"):
		return absent("there is no such image: docker image ls lists what there is; docker pull fetches it")
	case reply.Message == "":
		return fmt.Errorf("the engine answers %s", response.Status)
	}
	return fmt.Errorf("the engine answers %s: %s", response.Status, plain(reply.Message))
}

// plain shows a message from outside without what a terminal would obey.
func plain(message string) string {
	const most = 300
	if len(message) > most {
		message = message[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(message, "?"))
}
